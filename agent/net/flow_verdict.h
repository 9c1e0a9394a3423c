// What user space tells the tap about a flow: stop copying for ever, or until a
// sequence number (DESIGN 3.11). Leaves a shard through a function given by agent.
#pragma once

#include <cstdint>

#include "agent/net/flow.h"

namespace shadowtap::net {

enum class SkipKind : std::uint8_t {
  kForEver,  // TLS, not HTTP, upgraded, sampled out
  kUntil,    // packets that end at or before `until` are not copied
};

struct FlowVerdict {
  Flow flow;
  Direction direction = Direction::kToServer;
  SkipKind kind = SkipKind::kForEver;
  std::uint32_t until = 0;      // sequence number; at most 2^30 ahead of what was seen
  std::uint32_t flow_hash = 0;  // as in Segment
};

}  // namespace shadowtap::net
