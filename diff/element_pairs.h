// Pairs what is left of two arrays when equal elements are matched: objects by a field
// that identifies them, then by similarity (INTERFACES section 5, "Alignment", c and d).
// Internal to diff/.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "diff/align.h"
#include "diff/json_side.h"

namespace shadowtap::diff {

// One side of a gap: elements in order.
struct GapSide {
  JsonSide* side = nullptr;
  std::vector<NodeId> elements;
};

class GapPairs {
 public:
  // `crossing`: pairs need not be in order (unordered arrays).
  GapPairs(const GapSide& a, const GapSide& b, bool crossing, std::uint64_t& steps);

  // Positions within the gap, ascending in a. Nothing, and by_position(), where the steps
  // did not suffice.
  Matches run();
  bool by_position() const { return by_position_; }

 private:
  Matches by_field();
  Matches by_field(std::string_view name, bool& usable) const;
  std::string most_common_field() const;
  Matches by_similarity(std::uint32_t a_begin, std::uint32_t a_end, std::uint32_t b_begin,
                        std::uint32_t b_end);
  std::uint32_t similarity(std::uint32_t i, std::uint32_t j);
  const std::vector<std::uint64_t>& leaves(bool of_a, std::uint32_t i);
  bool spend(std::uint64_t n);

  const GapSide& a_;
  const GapSide& b_;
  bool crossing_;
  std::uint64_t& steps_;
  bool by_position_ = false;
  std::vector<std::vector<std::uint64_t>> a_leaves_;  // sorted hashes; empty: not made yet
  std::vector<std::vector<std::uint64_t>> b_leaves_;
};

// Negative, zero or positive: a total order of elements by content, the same whichever
// side they stand on. Both must be hashed.
int order_elements(const JsonSide& a, NodeId x, const JsonSide& b, NodeId y);

}  // namespace shadowtap::diff
