// How often which set of differences was seen on one route: outcomes are derived from
// these with today's statuses and rules, so that a finding also re-reads the past.
// Bounded: beyond `kMax` sets the outcome is counted as it was decided on arrival.
//
// Control thread. Owned by Noise.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace shadowtap::results {

enum class Outcome : std::uint8_t { kMatch, kNoise, kIgnored, kMismatch };
const char* to_string(Outcome outcome);
inline constexpr std::size_t kOutcomes = 4;

struct SignaturePart {
  std::uint32_t record = 0;  // in the route's records
  bool control_too = false;  // the control differed there as well
  bool operator==(const SignaturePart&) const = default;
};

struct Signature {
  std::vector<SignaturePart> parts;  // where the candidate differed, sorted by record
  bool rules_took = false;           // ignore rules took others
  std::uint64_t count = 0;
};

class Signatures {
 public:
  static constexpr std::size_t kMax = 256;

  void add(const std::vector<SignaturePart>& parts, bool rules_took, Outcome decided,
           std::uint64_t count = 1);
  const std::vector<Signature>& all() const { return all_; }
  const std::array<std::uint64_t, kOutcomes>& other() const { return other_; }
  void add_other(Outcome decided, std::uint64_t count);

 private:
  std::vector<Signature> all_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_hash_;
  std::array<std::uint64_t, kOutcomes> other_{};
};

}  // namespace shadowtap::results
