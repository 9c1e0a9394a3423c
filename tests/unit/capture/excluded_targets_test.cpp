#include "agent/capture/excluded_targets.h"

#include <gmock/gmock.h>

namespace shadowtap::capture {
namespace {

using ::testing::ElementsAre;

Endpoint target(std::uint8_t last) { return Endpoint::v4(10, 0, 0, last, 80); }

TEST(ExcludedTargets, AreWhatWasSaidLast) {
  ExcludedTargets targets(3);
  targets = targets.with({target(2), target(1), target(2)});
  EXPECT_THAT(targets.newest(), ElementsAre(target(1), target(2)));
  targets = targets.with({target(3)});
  EXPECT_THAT(targets.newest(), ElementsAre(target(3)));
  EXPECT_EQ(targets.left_out(), 0U);
}

TEST(ExcludedTargets, OfTooManyAreTheNewest) {
  ExcludedTargets targets(2);
  targets = targets.with({target(8), target(9)});
  targets = targets.with({target(1), target(8), target(9)});
  EXPECT_THAT(targets.newest(), ElementsAre(target(1), target(9)));
  EXPECT_EQ(targets.left_out(), 1U);
  targets = targets.with({target(1), target(8), target(9)});
  EXPECT_THAT(targets.newest(), ElementsAre(target(1), target(9))) << "no turns are taken";
  targets = targets.with({target(1), target(8)});
  EXPECT_THAT(targets.newest(), ElementsAre(target(1), target(8))) << "there is room again";
  EXPECT_EQ(targets.left_out(), 0U);
}

}  // namespace
}  // namespace shadowtap::capture
