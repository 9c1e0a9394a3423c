// One captured frame as a TCP segment: link layer, VLAN tags, IPv4 or IPv6, TCP.
//
//   link types   Ethernet, raw IP, Linux cooked v1 and v2, BSD loopback
//   VLAN         up to four tags (802.1Q, 802.1ad)
//   IPv6         up to eight extension headers
//   lengths      the payload ends where IP says; where it says 0 (offload) with the frame
//
// Pure functions over hostile bytes.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/base/endpoint.h"

namespace shadowtap::files {

enum class Decoded : std::uint8_t {
  kTcp,
  kNotTcp,     // another protocol
  kFragment,   // of an IP packet: not put together
  kMalformed,  // shorter than its headers say
  kCount_,
};

struct TcpPacket {
  Endpoint source;
  Endpoint destination;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint8_t flags = 0;
  std::uint32_t payload_size = 0;  // on the wire
  std::string_view payload;        // as captured
};

// `link_type` is a DLT of pcap; unknown ones are kNotTcp.
[[nodiscard]] Decoded decode_packet(int link_type, std::string_view frame,
                                    std::uint32_t wire_size, TcpPacket& packet);
bool link_type_is_known(int link_type);

}  // namespace shadowtap::files
