// The short form: few runs, generous bounds, the claims of DESIGN section 8 all the same.
// A bound is one that a broken rule misses by far and chance alone almost never.
#include <gtest/gtest.h>

#include "tests/simulator/trials.h"

namespace shadowtap::simulator {
namespace {

TEST(FalseAlarms, MixedNoiseIsNeverCalledARegressionInMoreThanAlphaOfRuns) {
  const auto make = [](std::uint64_t seed) { return mixed_world(seed, {}); };
  Trial run{.exchanges = 2'000, .alpha = 0.05, .runs = 20, .diffy = true};
  const Alarms alarms = false_alarms(make, run);
  EXPECT_LE(alarms.ours, 4U);  // P(more) < 0.3 % at exactly alpha
  EXPECT_EQ(alarms.diffy_ever, run.runs);
}

TEST(FalseAlarms, DriftIsFairOnlyWhenTheOrderIs) {
  const Trial run{.exchanges = 10'000, .alpha = 0.05, .runs = 20};
  EXPECT_LE(false_alarms([](auto seed) { return drifting_world(seed, true); }, run).ours, 4U);
  EXPECT_GE(false_alarms([](auto seed) { return drifting_world(seed, false); }, run).ours, 18U);
}

TEST(FalseAlarms, CachedAnswersAreOneObservationEach) {
  const Trial run{.exchanges = 30'000, .alpha = 0.05, .runs = 20};
  EXPECT_LE(false_alarms([](auto seed) { return cached_world(seed); }, run).ours, 4U);
}

TEST(FalseAlarms, ASharedCacheFavoursNobody) {
  const Trial run{.exchanges = 10'000, .alpha = 0.05, .runs = 20};
  EXPECT_LE(false_alarms([](auto seed) { return shared_cache_world(seed); }, run).ours, 4U);
}

TEST(FalseAlarms, StallsOnBothSidesAreEventsNotEvidence) {
  for (const double longest : {.8, 10.0, 60.0}) {
    EXPECT_LE(stall_alarms({60, longest}, 1'800, 0.05, 20).any, 4U) << longest;
    EXPECT_LE(stall_alarms({300, longest}, 7'200, 0.05, 10).any, 3U) << longest;
  }
}

TEST(Detection, WhatLastsIsFoundAllTheSame) {
  const auto median = [](const PaceWorld& world, results::PaceTest test) {
    return pace_detection(world, test, 3'600, 5).median_seconds.value_or(INFINITY);
  };
  EXPECT_LE(median({.candidate_errors = 1}, results::PaceTest::kErrors), 900);
  EXPECT_LE(median({.slower = 2}, results::PaceTest::kSlower), 130);
  EXPECT_LE(median({.slow_share = .05}, results::PaceTest::kTail), 1'200);
  // What the errors test needs a quarter of an hour for, the net test sees at once.
  EXPECT_EQ(pace_detection({.candidate_errors = .05}, results::PaceTest::kErrors, 120, 5).by_net, 5U);
}

TEST(Detection, FindsPlantedDifferencesAboutAsFastAsTheDesignSays) {
  const Trial run{.exchanges = 20'000, .runs = 21};
  const auto median = [&](double planted, double under) {
    return time_to_detect(planted, under, run).median.value_or(SIZE_MAX);
  };
  EXPECT_NEAR(static_cast<double>(median(.01, 0)), 2'100, 700);
  EXPECT_NEAR(static_cast<double>(median(.05, .2)), 6'200, 2'500);
  EXPECT_NEAR(static_cast<double>(median(.5, .6)), 330, 150);
}

TEST(Passes, ATrueTwoPercentAlmostNeverPassesAtOnePercent) {
  const Passes passes = false_passes(.02, .01, 2'000, 200);
  EXPECT_LE(passes.ours, 4U);  // 0.5 % of 200 is 1
  EXPECT_GE(passes.plain_ratio, 10U);
}

TEST(Passes, ACleanCandidatePassesAfterAboutFiveHundred) {
  EXPECT_NEAR(static_cast<double>(exchanges_to_pass(.01)), 500, 100);
}

}  // namespace
}  // namespace shadowtap::simulator
