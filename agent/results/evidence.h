// E-values of DESIGN section 8: how strongly fair coins are refuted, sound at every
// moment they are looked at. All in natural logarithms, computed from counts alone.
//
// Pure functions; know nothing of paths, exchanges or time.
#pragma once

#include <cstdint>

namespace shadowtap::results {

// E(s, f) of `s` votes against the candidate and `f` against the control. Under the
// hypothesis that each vote is a fair coin (or leans to the control) the chance that it
// ever reaches 1/a is at most a.
double log_evidence(std::uint64_t s, std::uint64_t f);

// ln w of the i-th hypothesis of a service, i >= 1: the w sum up to 1 however many come.
double log_weight(std::uint64_t i);

// One comparison each: the candidate alone differed, the control alone, neither or both.
struct NetCounts {
  std::uint64_t plus = 0;
  std::uint64_t minus = 0;
  std::uint64_t zero = 0;

  std::uint64_t total() const { return plus + minus + zero; }
};

// Against "the net rate (plus - minus) / total is at most `limit`".
double log_evidence_above(const NetCounts& counts, double limit);
// Against "the net rate is at least `limit`".
double log_evidence_below(const NetCounts& counts, double limit);

}  // namespace shadowtap::results
