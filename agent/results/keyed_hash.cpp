#include "agent/results/keyed_hash.h"

#include <bit>
#include <cstring>

namespace shadowtap::results {
namespace {

struct State {
  std::uint64_t a, b, c, d;

  void round() {
    a += b, b = std::rotl(b, 13) ^ a, a = std::rotl(a, 32);
    c += d, d = std::rotl(d, 16) ^ c;
    a += d, d = std::rotl(d, 21) ^ a;
    c += b, b = std::rotl(b, 17) ^ c, c = std::rotl(c, 32);
  }
  void take(std::uint64_t word) {
    d ^= word;
    round();
    round();
    a ^= word;
  }
};

std::uint64_t little_endian(const char* bytes, std::size_t n) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < n; ++i) {
    word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return word;
}

}  // namespace

std::uint64_t keyed_hash(const std::array<std::uint64_t, 2>& key, std::string_view text) {
  State s{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
          key[1] ^ 0x7465646279746573};
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) s.take(little_endian(text.data() + i, 8));
  s.take(little_endian(text.data() + i, text.size() - i) | std::uint64_t{text.size()} << 56);
  s.c ^= 0xff;
  for (int k = 0; k < 4; ++k) s.round();
  return s.a ^ s.b ^ s.c ^ s.d;
}

}  // namespace shadowtap::results
