#include "agent/results/pace.h"

#include <gtest/gtest.h>

#include <cmath>

namespace shadowtap::results {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kFirstSecond{Duration(std::chrono::seconds(1'750'000'000))};

PacePair pair(Duration at, Duration candidate, Duration control, bool secondary = true) {
  PacePair made;
  made.time = kFirstSecond + at;
  made.with_secondary = secondary;
  made.candidate = candidate;
  made.control = control;
  return made;
}

TEST(Pace, VotesOnceASecondByMajority) {
  Pace pace;
  for (int i = 0; i < 30; ++i) pace.add(pair(i * 10ms, i < 20 ? 10ms : 1ms, 2ms));
  EXPECT_EQ(pace.counts(PaceTest::kSlower).s, 0U);  // the second is not over
  pace.close(kFirstSecond + 1s);
  EXPECT_EQ(pace.counts(PaceTest::kSlower).s, 1U);
  EXPECT_EQ(pace.counts(PaceTest::kSlower).f, 0U);
  for (int i = 0; i < 30; ++i) pace.add(pair(1s + i * 10ms, i < 10 ? 10ms : 1ms, 2ms));
  pace.close(kFirstSecond + 2s);
  EXPECT_EQ(pace.counts(PaceTest::kSlower).f, 1U);
}

TEST(Pace, SlowerMeansAQuarterAndAMillisecond) {
  Pace pace;
  pace.add(pair(0s, 13499us, 10ms));
  pace.close(kFirstSecond + 1s);
  EXPECT_EQ(pace.counts(PaceTest::kSlower).plus, 0U);
  for (int i = 1; i < 12; ++i) pace.add(pair(i * 1s, 13501us, 10ms));
  EXPECT_EQ(pace.counts(PaceTest::kSlower).plus, 11U);
}

TEST(Pace, TheOriginalGetsTwiceAndFiveMilliseconds) {
  Pace pace;
  pace.add(pair(0s, 24ms, 10ms, false));
  pace.add(pair(0s, 26ms, 10ms, false));
  EXPECT_EQ(pace.counts(PaceTest::kSlower).plus, 1U);
}

TEST(Pace, ASlowCandidateIsProvenInUnderHalfAMinute) {
  Pace pace;
  for (int i = 0; i < 30; ++i) pace.add(pair(i * 1s, 30ms, 5ms));
  pace.close(kFirstSecond + 31s);
  EXPECT_GT(pace.log_evidence_weighted(PaceTest::kSlower), std::log(100.0));
  EXPECT_TRUE(pace.always_slower(30, 29s));
  EXPECT_LT(pace.log_evidence_weighted(PaceTest::kErrors), 0);
}

TEST(Pace, FailuresOnBothSidesSayNothing) {
  Pace pace;
  PacePair both;
  both.with_secondary = both.candidate_failed = both.control_failed = true;
  for (int i = 0; i < 100; ++i) {
    both.time = kFirstSecond + i * 1s;
    pace.add(both);
  }
  pace.close(kFirstSecond + 200s);
  EXPECT_EQ(pace.counts(PaceTest::kErrors).s + pace.counts(PaceTest::kErrors).f, 0U);
  EXPECT_EQ(pace.counts(PaceTest::kErrors).pairs, 100U);
}

TEST(Pace, TailIsAboveTheControlsOwnNinetyNinth) {
  Pace pace;
  for (int i = 0; i < 200; ++i) pace.add(pair(i * 1ms, 5ms, 5ms));
  for (int s = 1; s <= 20; ++s) pace.add(pair(s * 1s, 50ms, 5ms));
  pace.close(kFirstSecond + 30s);
  EXPECT_EQ(pace.counts(PaceTest::kTail).plus, 20U);
  EXPECT_EQ(pace.counts(PaceTest::kTail).s, 2U);  // at 1 s and at 11 s
}

TEST(Pace, AStallIsOneEvent) {
  Pace pace;
  PacePair failing;
  failing.with_secondary = true;
  for (int s = 0; s < 60; ++s) {
    failing.time = kFirstSecond + s * 1s;
    failing.candidate_failed = s < 9;              // 9 s of failures
    failing.control_failed = s >= 30 && s < 39;  // and the other side's
    pace.add(failing);
  }
  pace.close(kFirstSecond + 100s);
  EXPECT_EQ(pace.counts(PaceTest::kErrors).s, 1U);
  EXPECT_EQ(pace.counts(PaceTest::kErrors).f, 1U);
}

TEST(Pace, SurvivesTheWayThroughText) {
  Pace pace;
  for (int i = 0; i < 30; ++i) pace.add(pair(i * 1s, 30ms, 5ms));
  pace.close(kFirstSecond + 31s);
  Pace read;
  read.restore(pace.to_text());
  EXPECT_EQ(read.to_text(), pace.to_text());
  EXPECT_EQ(read.counts(PaceTest::kSlower).s, 30U);
}

TEST(Histogram, PercentilesAreWithinThreePercent) {
  Histogram h;
  for (int i = 1; i <= 1000; ++i) h.add(i * 1ms);
  EXPECT_NEAR(std::chrono::duration<double>(h.percentile(.5)).count(), .5, .02);
  EXPECT_NEAR(std::chrono::duration<double>(h.percentile(.99)).count(), .99, .035);
  EXPECT_EQ(h.at_most(100s), 1000U);
  EXPECT_EQ(Histogram().percentile(.5), Duration{});
  h.add(-5ms);
  h.add(Duration::max());
  EXPECT_EQ(h.total(), 1002U);
  const Histogram read = Histogram::from_text(h.to_text());
  EXPECT_EQ(read.to_text(), h.to_text());
  EXPECT_EQ(Histogram::from_text("nonsense;99999999999:3,a:b,").total(), 0U);
}

}  // namespace
}  // namespace shadowtap::results
