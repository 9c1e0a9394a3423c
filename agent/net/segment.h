// A piece of TCP as captured: what the tap hands to reassembly, live or from a
// file. Views the capture's memory: valid only during the call that passes it.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/base/time.h"
#include "agent/net/flow.h"

namespace shadowtap::net {

enum TcpFlag : std::uint8_t {  // RFC 9293 section 3.1
  kFin = 0x01,
  kSyn = 0x02,
  kRst = 0x04,
  kPsh = 0x08,
  kAck = 0x10,
  kUrg = 0x20,
};

struct Segment {
  Flow flow;
  Direction direction = Direction::kToServer;
  std::uint8_t flags = 0;             // TcpFlag
  std::uint16_t service = 0;          // index of the service that owns the port
  std::uint32_t sequence = 0;         // of the first payload byte; of the SYN if kSyn
  std::uint32_t acknowledgment = 0;   // valid if kAck
  std::uint32_t flow_hash = 0;        // the kernel's keyed hash of the flow; 0 from files
  std::uint32_t payload_size = 0;     // on the wire; payload may be cut shorter
  std::string_view payload;
  Time time;
};

}  // namespace shadowtap::net
