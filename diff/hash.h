// Hashing for alignment: fast, 64-bit, not keyed. Two contents with one hash are still
// compared, so a collision costs an odd alignment, never a hidden difference.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace shadowtap::diff {

inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a ^ 0x9e3779b97f4a7c15ULL) *
                                    (b ^ 0xbf58476d1ce4e5b9ULL);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0) {
  std::uint64_t h = seed ^ (bytes.size() * 0x94d049bb133111ebULL);
  const char* p = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t word = 0;
  for (; left >= 8; left -= 8, p += 8) {
    std::memcpy(&word, p, 8);
    h = mix(h, word);
  }
  if (left > 0) {
    word = 0;
    std::memcpy(&word, p, left);
    h = mix(h, word ^ 0xd6e8feb86659fd93ULL);
  }
  return mix(h, 0x2545f4914f6cdd1dULL);
}

}  // namespace shadowtap::diff
