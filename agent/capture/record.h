// Between the kernel's records and the agent's values. Pure.
#pragma once

#include <linux/types.h>

#include "agent/net/segment.h"
#include "bpf/shadowtap_event.h"

namespace shadowtap::capture {

// The payload of the result is the record's own memory.
net::Segment to_segment(const shadowtap_record& record);

shadowtap_flow_key to_key(const net::Flow& flow);
net::Flow to_flow(const shadowtap_flow_key& key);

constexpr std::uint32_t to_kernel(net::Direction direction) {
  return direction == net::Direction::kToServer ? SHADOWTAP_TO_SERVER : SHADOWTAP_TO_CLIENT;
}

}  // namespace shadowtap::capture
