// TCP sequence numbers (RFC 9293 section 3.4) as 64-bit stream offsets. Wrap-around
// ends in this file.
#pragma once

#include <cstdint>

namespace shadowtap::net {

// Signed distance from a to b modulo 2^32; right while they are within 2^31.
constexpr std::int32_t sequence_distance(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(b - a);
}

// The offset nearest to `near` whose low 32 bits, counted from `origin` (the sequence
// number at offset 0), are `sequence`. May be negative: before the origin.
constexpr std::int64_t unwrap(std::uint32_t sequence, std::uint32_t origin, std::int64_t near) {
  const auto near_sequence = static_cast<std::uint32_t>(origin + static_cast<std::uint64_t>(near));
  return near + sequence_distance(near_sequence, sequence);
}

}  // namespace shadowtap::net
