#include "agent/base/endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace shadowtap {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

bool Endpoint::is_v4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.begin());
}

std::string Endpoint::to_string() const {
  char text[INET6_ADDRSTRLEN];
  if (is_v4()) {
    ::inet_ntop(AF_INET, address.data() + kMappedPrefix.size(), text, sizeof text);
    return std::string(text) + ":" + std::to_string(port);
  }
  ::inet_ntop(AF_INET6, address.data(), text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(port);
}

Endpoint Endpoint::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d,
                      std::uint16_t port) {
  Endpoint endpoint;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), endpoint.address.begin());
  const std::uint8_t bytes[] = {a, b, c, d};
  std::copy(std::begin(bytes), std::end(bytes), endpoint.address.begin() + 12);
  endpoint.port = port;
  return endpoint;
}

}  // namespace shadowtap
