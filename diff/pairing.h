// What is compared with what: the children of two containers, paired. A plan is made of
// these, in the order in which differences are reported. Internal to diff/.
#pragma once

#include <cstdint>
#include <vector>

namespace shadowtap::diff {

constexpr std::uint32_t kNobody = 0xffffffff;

// Positions among the children; kNobody on one side: missing or extra.
struct Pairing {
  std::uint32_t left = kNobody;
  std::uint32_t right = kNobody;

  bool both() const { return left != kNobody && right != kNobody; }
};

}  // namespace shadowtap::diff
