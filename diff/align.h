// Alignment of two sequences, whatever they are made of: the longest common subsequence,
// the longest increasing one, the one of greatest similarity. Where several are as good,
// the one whose pairs come earliest in `a`, then in `b` (lexicographically).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace shadowtap::diff {

struct Match {
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  bool operator==(const Match&) const = default;
};
using Matches = std::vector<Match>;

// Equal hashes, and `verify` where it is given.
struct Sequences {
  std::span<const std::uint64_t> a;
  std::span<const std::uint64_t> b;
  std::function<bool(std::uint32_t, std::uint32_t)> verify;

  bool equal(std::uint32_t i, std::uint32_t j) const {
    return a[i] == b[j] && (!verify || verify(i, j));
  }
};

// The longest common subsequence (Myers 1986, from the end, so that ties can be decided
// from the front). O(n + d²) for d unmatched elements; what occurs on one side only costs
// nothing. Takes what it does from `steps`; false: they did not suffice, `out` is empty.
[[nodiscard]] bool longest_common(const Sequences& sequences, std::uint64_t& steps,
                                  Matches& out);

// Of matches with ascending `a` and distinct `b`: the most that do not cross.
Matches longest_increasing(std::span<const Match> matches);

// Pairs in order with the greatest sum of similarities; 0: may not be paired. Asks for
// every pair once. Requires a_size * b_size <= kMaxSimilarityCells.
constexpr std::uint64_t kMaxSimilarityCells = 1U << 20;
Matches most_similar(std::uint32_t a_size, std::uint32_t b_size,
                     const std::function<std::uint32_t(std::uint32_t, std::uint32_t)>& similarity);

}  // namespace shadowtap::diff
