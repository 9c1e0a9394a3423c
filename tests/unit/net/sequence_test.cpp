#include "agent/net/sequence.h"

#include <gtest/gtest.h>

namespace shadowtap::net {
namespace {

TEST(Sequence, DistanceIsSignedAndWraps) {
  EXPECT_EQ(sequence_distance(1, 5), 4);
  EXPECT_EQ(sequence_distance(5, 1), -4);
  EXPECT_EQ(sequence_distance(0xfffffffe, 3), 5);
  EXPECT_EQ(sequence_distance(3, 0xfffffffe), -5);
}

TEST(Sequence, UnwrapFindsTheOffsetNearest) {
  constexpr std::uint32_t kOrigin = 0xffffff00;
  const struct {
    std::uint32_t sequence;
    std::int64_t near, offset;
  } cases[] = {
      {kOrigin, 0, 0},
      {kOrigin + 256, 0, 256},          // the number itself wraps
      {kOrigin - 1, 0, -1},             // before the origin
      {kOrigin, std::int64_t{1} << 32, std::int64_t{1} << 32},  // one turn later
      {kOrigin + 10, (std::int64_t{5} << 32) - 100, (std::int64_t{5} << 32) + 10},
      {kOrigin - 10, (std::int64_t{5} << 32) + 100, (std::int64_t{5} << 32) - 10},
  };
  for (const auto& c : cases)
    EXPECT_EQ(unwrap(c.sequence, kOrigin, c.near), c.offset) << c.sequence << " near " << c.near;
}

}  // namespace
}  // namespace shadowtap::net
