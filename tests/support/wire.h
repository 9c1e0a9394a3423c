// A vocabulary for tests that need TCP on the wire: two sides that send, and the
// packets that a tap between them sees. Values only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/net/segment.h"

namespace shadowtap::testing {

struct Packet {
  net::Segment fields;
  std::string payload;
  // Valid while the packet lives and does not move.
  net::Segment segment() const;
};

class Wire {
 public:
  explicit Wire(std::uint16_t client_port = 40000, std::uint32_t client_isn = 1000,
                std::uint32_t server_isn = 5000);

  std::size_t mss = 1460;   // payload of one segment
  bool acks = true;         // the receiver acknowledges each write with an empty segment
  Duration step = std::chrono::milliseconds(1);  // between packets

  Wire& handshake();
  Wire& client(std::string_view bytes) { return sends(net::Direction::kToServer, bytes); }
  Wire& server(std::string_view bytes) { return sends(net::Direction::kToClient, bytes); }
  Wire& client_fin() { return control(net::Direction::kToServer, net::kFin | net::kAck); }
  Wire& server_fin() { return control(net::Direction::kToClient, net::kFin | net::kAck); }
  Wire& client_rst() { return control(net::Direction::kToServer, net::kRst); }
  Wire& server_rst() { return control(net::Direction::kToClient, net::kRst | net::kAck); }
  Wire& fins() { return client_fin().server_fin().ack(net::Direction::kToServer); }
  Wire& ack(net::Direction direction) { return control(direction, net::kAck); }
  Wire& wait(Duration duration) { return now += duration, *this; }

  // Without the handshake: joined in the middle.
  std::vector<Packet> packets;
  Time now{std::chrono::seconds(100)};
  net::Flow flow;

 private:
  Wire& sends(net::Direction direction, std::string_view bytes);
  Wire& control(net::Direction direction, std::uint8_t flags);
  Packet& emit(net::Direction direction, std::uint8_t flags, std::string_view payload);

  std::uint32_t next_[2];
};

}  // namespace shadowtap::testing
