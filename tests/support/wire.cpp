#include "tests/support/wire.h"

#include <algorithm>

namespace shadowtap::testing {

using net::Direction;

net::Segment Packet::segment() const {
  net::Segment s = fields;
  s.payload = payload;
  return s;
}

Wire::Wire(std::uint16_t client_port, std::uint32_t client_isn, std::uint32_t server_isn)
    : flow{Endpoint::v4(10, 0, 0, 1, client_port), Endpoint::v4(10, 0, 0, 2, 80)},
      next_{client_isn, server_isn} {}

Packet& Wire::emit(Direction direction, std::uint8_t flags, std::string_view payload) {
  const auto side = static_cast<std::size_t>(direction);
  Packet packet;
  packet.fields.flow = flow;
  packet.fields.direction = direction;
  packet.fields.flags = flags;
  packet.fields.sequence = next_[side];
  packet.fields.acknowledgment = next_[1 - side];
  packet.fields.payload_size = static_cast<std::uint32_t>(payload.size());
  packet.fields.time = now;
  packet.payload = payload;
  now += step;
  next_[side] += static_cast<std::uint32_t>(payload.size());
  if ((flags & (net::kSyn | net::kFin)) != 0) ++next_[side];
  packets.push_back(std::move(packet));
  return packets.back();
}

Wire& Wire::handshake() {
  emit(Direction::kToServer, net::kSyn, {}).fields.acknowledgment = 0;
  emit(Direction::kToClient, net::kSyn | net::kAck, {});
  emit(Direction::kToServer, net::kAck, {});
  return *this;
}

Wire& Wire::sends(Direction direction, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t n = std::min(mss, bytes.size());
    emit(direction, net::kAck | net::kPsh, bytes.substr(0, n));
    bytes.remove_prefix(n);
  }
  if (acks) emit(net::opposite(direction), net::kAck, {});
  return *this;
}

Wire& Wire::control(Direction direction, std::uint8_t flags) {
  emit(direction, flags, {});
  return *this;
}

}  // namespace shadowtap::testing
