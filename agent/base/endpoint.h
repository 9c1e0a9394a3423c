// An IP address and a TCP port as one comparable value. IPv4 is kept as the
// mapped address ::ffff:a.b.c.d, so the rest of the agent knows one form.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

namespace shadowtap {

struct Endpoint {
  std::array<std::uint8_t, 16> address{};  // network byte order
  std::uint16_t port = 0;                  // host byte order

  bool is_v4() const;
  // "10.0.0.1:80" or "[2001:db8::1]:80".
  std::string to_string() const;

  static Endpoint v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d,
                     std::uint16_t port);

  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace shadowtap
