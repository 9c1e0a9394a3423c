// One TCP connection as seen from its service: who is the client, who the server.
// A value; knows nothing of interfaces or of how it was captured.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/base/endpoint.h"

namespace shadowtap::net {

enum class Direction : std::uint8_t { kToServer, kToClient };

constexpr Direction opposite(Direction d) {
  return d == Direction::kToServer ? Direction::kToClient : Direction::kToServer;
}

struct Flow {
  Endpoint client;
  Endpoint server;
  auto operator<=>(const Flow&) const = default;
};

struct FlowHash {
  std::size_t operator()(const Flow& flow) const noexcept;
};

}  // namespace shadowtap::net
