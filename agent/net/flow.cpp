#include "agent/net/flow.h"

#include <bit>
#include <cstring>
#include <random>

namespace shadowtap::net {
namespace {

// SipHash-1-3 (Aumasson and Bernstein, 2012) under a key of this process: a client who
// chooses its ports cannot choose its bucket.
class SipHash {
 public:
  SipHash(std::uint64_t k0, std::uint64_t k1)
      : v0_(k0 ^ 0x736f6d6570736575),
        v1_(k1 ^ 0x646f72616e646f6d),
        v2_(k0 ^ 0x6c7967656e657261),
        v3_(k1 ^ 0x7465646279746573) {}

  void add(std::uint64_t word) {
    v3_ ^= word;
    round();
    v0_ ^= word;
  }
  std::uint64_t finish() {
    v2_ ^= 0xff;
    for (int i = 0; i < 3; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void round() {
    v0_ += v1_;
    v2_ += v3_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v1_;
    v0_ += v3_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ = std::rotl(v2_, 32);
  }
  std::uint64_t v0_, v1_, v2_, v3_;
};

struct Key {
  std::uint64_t k0;
  std::uint64_t k1;
};

Key random_key() {
  std::random_device device;
  const auto word = [&device] { return (std::uint64_t{device()} << 32) | device(); };
  return {word(), word()};
}

void add_endpoint(SipHash& hash, const Endpoint& endpoint) {
  std::uint64_t words[2];
  std::memcpy(words, endpoint.address.data(), sizeof words);
  hash.add(words[0]);
  hash.add(words[1]);
}

}  // namespace

std::size_t FlowHash::operator()(const Flow& flow) const noexcept {
  static const Key kKey = random_key();
  SipHash hash(kKey.k0, kKey.k1);
  add_endpoint(hash, flow.client);
  add_endpoint(hash, flow.server);
  hash.add((std::uint64_t{flow.client.port} << 16) | flow.server.port);
  return hash.finish();
}

}  // namespace shadowtap::net
