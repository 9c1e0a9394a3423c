#include "agent/files/packet.h"

#include <pcap/dlt.h>

#include <algorithm>
#include <optional>

namespace shadowtap::files {
namespace {

constexpr int kLinuxCooked2 = 276;  // LINKTYPE_LINUX_SLL2
constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr int kMaxVlanTags = 4;
constexpr int kMaxExtensions = 8;
constexpr std::uint8_t kTcpProtocol = 6;

// Reads big-endian fields; past the end everything is 0 and short() is true.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
  std::uint8_t byte(std::size_t at) {
    if (at >= bytes_.size()) {
      short_ = true;
      return 0;
    }
    return static_cast<std::uint8_t>(bytes_[at]);
  }
  std::uint16_t two(std::size_t at) {
    const unsigned char* const p = reach(at, 2);
    return p == nullptr ? std::uint16_t{0} : static_cast<std::uint16_t>((p[0] << 8) | p[1]);
  }
  std::uint32_t four(std::size_t at) {
    const unsigned char* const p = reach(at, 4);
    if (p == nullptr) return 0;
    return (std::uint32_t{p[0]} << 24) | (std::uint32_t{p[1]} << 16) | (std::uint32_t{p[2]} << 8) | p[3];
  }
  void skip(std::size_t n) {
    short_ = short_ || n > bytes_.size();
    bytes_.remove_prefix(std::min(n, bytes_.size()));
  }
  bool is_short() const { return short_; }
  std::string_view rest() const { return bytes_; }

 private:
  const unsigned char* reach(std::size_t at, std::size_t n) {
    if (at + n <= bytes_.size()) return reinterpret_cast<const unsigned char*>(bytes_.data()) + at;
    short_ = true;
    return nullptr;
  }

  std::string_view bytes_;
  bool short_ = false;
};

// The protocol behind Ethernet's or a cooked header's type field, behind its VLAN tags.
std::uint16_t skip_tags(Cursor& cursor, std::uint16_t type) {
  for (int i = 0; i < kMaxVlanTags; ++i) {
    if (type != 0x8100 && type != 0x88a8 && type != 0x9100) return type;
    type = cursor.two(2);
    cursor.skip(4);
  }
  return type;
}

std::uint16_t by_version(Cursor& cursor) {
  const int version = cursor.byte(0) >> 4;
  return version == 4 ? kIpv4 : version == 6 ? kIpv6 : std::uint16_t{0};
}

// Leaves the cursor at the IP header; 0 where there is none.
std::uint16_t skip_link_layer(int link_type, Cursor& cursor) {
  std::uint16_t type = 0;
  switch (link_type) {
    case DLT_EN10MB:
      type = cursor.two(12);
      cursor.skip(14);
      return skip_tags(cursor, type);
    case DLT_LINUX_SLL:
      type = cursor.two(14);
      cursor.skip(16);
      return skip_tags(cursor, type);
    case kLinuxCooked2:
      type = cursor.two(0);
      cursor.skip(20);
      return skip_tags(cursor, type);
    case DLT_NULL:
    case DLT_LOOP:
      cursor.skip(4);  // an address family in an unknown byte order
      return by_version(cursor);
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6: return by_version(cursor);
    default: return 0;
  }
}

struct IpPayload {
  std::size_t size;  // on the wire
  std::uint8_t protocol;
  bool fragment;
};

IpPayload skip_ipv4(Cursor& cursor, std::size_t wire_left, TcpPacket& packet) {
  const std::size_t header = (cursor.byte(0) & 0x0fU) * 4U;
  const std::size_t total = cursor.two(2) != 0 ? cursor.two(2) : wire_left;
  const std::uint16_t fragment = cursor.two(6);
  const std::uint8_t protocol = cursor.byte(9);
  for (Endpoint* end : {&packet.source, &packet.destination}) {
    const std::size_t at = end == &packet.source ? 12 : 16;
    *end = Endpoint::v4(cursor.byte(at), cursor.byte(at + 1), cursor.byte(at + 2),
                        cursor.byte(at + 3), 0);
  }
  cursor.skip(std::max<std::size_t>(header, 20));
  const bool sane = header >= 20 && total >= header;
  return {sane ? total - header : 0, sane ? protocol : std::uint8_t{0},
          (fragment & 0x3fff) != 0};
}

bool is_extension(std::uint8_t next) {
  return next == 0 || next == 43 || next == 44 || next == 51 || next == 60;
}

IpPayload skip_ipv6(Cursor& cursor, std::size_t wire_left, TcpPacket& packet) {
  std::size_t size = cursor.two(4);
  if (size == 0) size = wire_left > 40 ? wire_left - 40 : 0;
  std::uint8_t next = cursor.byte(6);
  for (std::size_t i = 0; i < 16; ++i) {
    packet.source.address[i] = cursor.byte(8 + i);
    packet.destination.address[i] = cursor.byte(24 + i);
  }
  cursor.skip(40);
  bool fragment = false;
  for (int i = 0; i < kMaxExtensions && is_extension(next); ++i) {
    // RFC 8200 section 4: in units of 8 behind the first 8; AH (RFC 4302) in 4 behind 8.
    std::size_t length = (cursor.byte(1) + 1U) * 8U;
    if (next == 44) {
      length = 8;
      fragment = (cursor.two(2) & 0xfff9) != 0;
    } else if (next == 51) {
      length = (cursor.byte(1) + 2U) * 4U;
    }
    next = cursor.byte(0);
    cursor.skip(length);
    size = size > length ? size - length : 0;
  }
  return {size, next, fragment};
}

Decoded read_tcp(Cursor& cursor, std::size_t size, TcpPacket& packet) {
  const std::size_t header = (cursor.byte(12) >> 4) * std::size_t{4};
  packet.source.port = cursor.two(0);
  packet.destination.port = cursor.two(2);
  packet.sequence = cursor.four(4);
  packet.acknowledgment = cursor.four(8);
  packet.flags = static_cast<std::uint8_t>(cursor.byte(13) & 0x3f);
  cursor.byte(19);
  if (cursor.is_short() || header < 20 || header > size) return Decoded::kMalformed;
  cursor.skip(header);
  packet.payload_size = static_cast<std::uint32_t>(size - header);
  packet.payload = cursor.rest().substr(0, packet.payload_size);
  return Decoded::kTcp;
}

}  // namespace

bool link_type_is_known(int link_type) {
  switch (link_type) {
    case DLT_EN10MB:
    case DLT_LINUX_SLL:
    case kLinuxCooked2:
    case DLT_NULL:
    case DLT_LOOP:
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6: return true;
    default: return false;
  }
}

Decoded decode_packet(int link_type, std::string_view frame, std::uint32_t wire_size,
                      TcpPacket& packet) {
  Cursor cursor(frame);
  const std::uint16_t protocol = skip_link_layer(link_type, cursor);
  if (protocol != kIpv4 && protocol != kIpv6) {
    return cursor.is_short() ? Decoded::kMalformed : Decoded::kNotTcp;
  }
  const std::size_t link_size = frame.size() - cursor.rest().size();
  const std::size_t wire_left = wire_size > link_size ? wire_size - link_size : 0;
  const IpPayload ip = protocol == kIpv4 ? skip_ipv4(cursor, wire_left, packet)
                                         : skip_ipv6(cursor, wire_left, packet);
  if (cursor.is_short()) return Decoded::kMalformed;
  if (ip.protocol != kTcpProtocol) return Decoded::kNotTcp;
  if (ip.fragment) return Decoded::kFragment;
  return read_tcp(cursor, ip.size, packet);
}

}  // namespace shadowtap::files
