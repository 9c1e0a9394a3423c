#include "agent/results/signatures.h"

namespace shadowtap::results {
namespace {

std::uint64_t mix(std::uint64_t x) {  // splitmix64's finaliser
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::uint64_t hash_of(const std::vector<SignaturePart>& parts, bool rules_took) {
  std::uint64_t hash = rules_took ? 2 : 1;
  for (const SignaturePart& part : parts) {
    hash = mix(hash + 0x9e3779b97f4a7c15 + (std::uint64_t{part.record} << 1 | part.control_too));
  }
  return hash;
}

}  // namespace

const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kMatch: return "match";
    case Outcome::kNoise: return "noise";
    case Outcome::kIgnored: return "ignored";
    case Outcome::kMismatch: return "mismatch";
  }
  return "?";
}

void Signatures::add(const std::vector<SignaturePart>& parts, bool rules_took, Outcome decided,
                     std::uint64_t count) {
  const std::uint64_t hash = hash_of(parts, rules_took);
  if (const auto it = by_hash_.find(hash); it != by_hash_.end()) {
    Signature& known = all_[it->second];
    if (known.parts == parts && known.rules_took == rules_took) {
      known.count += count;
      return;
    }
  } else if (all_.size() < kMax) {
    by_hash_.emplace(hash, static_cast<std::uint32_t>(all_.size()));
    all_.push_back({parts, rules_took, count});
    return;
  }
  add_other(decided, count);
}

void Signatures::add_other(Outcome decided, std::uint64_t count) {
  other_[static_cast<std::size_t>(decided)] += count;
}

}  // namespace shadowtap::results
