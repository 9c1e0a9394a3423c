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

TEST(Pace, VotesOnceAnEventByMajority) {
  Pace pace;
  for (int i = 0; i < 30; ++i) pace.add(pair(i * 300ms, i < 20 ? 10ms : 1ms, 2ms));
  EXPECT_EQ(pace.counts(PaceTest::kSlower).s, 0U);  // ten seconds are not over
  pace.close(kFirstSecond + 10s);
  EXPECT_EQ(pace.counts(PaceTest::kSlower).s, 1U);
  EXPECT_EQ(pace.counts(PaceTest::kSlower).f, 0U);
  for (int i = 0; i < 30; ++i) pace.add(pair(10s + i * 300ms, i < 10 ? 10ms : 1ms, 2ms));
  pace.close(kFirstSecond + 20s);
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

// Twelve votes of one sign: E(12, 0) / 8 = 104 > 100.
TEST(Pace, ASlowCandidateIsProvenInTwoMinutesAndNamedConstantBefore) {
  Pace pace;
  const auto run = [&](int from, int to) {
    for (int i = from; i < to; ++i) pace.add(pair(i * 1s, 30ms, 5ms));
    pace.close(kFirstSecond + to * 1s);
  };
  run(0, 31);
  EXPECT_TRUE(pace.always(PaceTest::kSlower, 30, 30s));
  EXPECT_FALSE(pace.always(PaceTest::kErrors, 30, 30s));
  run(31, 119);
  EXPECT_LT(pace.log_evidence_weighted(PaceTest::kSlower), std::log(100.0));
  run(119, 120);
  EXPECT_GT(pace.log_evidence_weighted(PaceTest::kSlower), std::log(100.0));
  EXPECT_LT(pace.log_evidence_weighted(PaceTest::kErrors), 0);
  pace.add(pair(120s, 5ms, 5ms));
  EXPECT_FALSE(pace.always(PaceTest::kSlower, 30, 30s));
}

// 25 ms more in one release, while the control of one pair in twenty waits as long.
TEST(Pace, OneWaitOfTheControlDoesNotHideWhatIsSlowerInEachSecond) {
  Pace pace;
  const auto run = [](Pace& on, int from, int to, int waits_in_20) {
    for (int i = from * 20; i < to * 20; ++i) {
      const bool waits = i % 20 >= 20 - waits_in_20;
      on.add(pair(i * 50ms, 27ms, waits ? 30ms : 2ms));
    }
  };
  run(pace, 0, 31, 1);
  EXPECT_TRUE(pace.always(PaceTest::kSlower, 30, 30s));
  Pace again;
  again.restore(pace.to_text());
  run(again, 31, 32, 1);
  EXPECT_TRUE(again.always(PaceTest::kSlower, 30, 30s));
  run(again, 32, 33, 10);
  run(again, 33, 60, 0);
  EXPECT_FALSE(again.always(PaceTest::kSlower, 30, 30s));
  Pace later;
  later.restore(again.to_text());
  run(later, 60, 100, 0);
  EXPECT_FALSE(later.always(PaceTest::kSlower, 30, 30s));
}

TEST(Pace, FailuresOnBothSidesSayNothing) {
  Pace pace;
  PacePair both;
  both.with_secondary = true;
  for (int i = 0; i < 12; ++i) pace.add(both);  // a secondary that can answer
  both.candidate_failed = both.control_failed = true;
  for (int i = 0; i < 100; ++i) {
    both.time = kFirstSecond + i * 1s;
    pace.add(both);
  }
  pace.close(kFirstSecond + 200s);
  EXPECT_EQ(pace.counts(PaceTest::kErrors).s + pace.counts(PaceTest::kErrors).f, 0U);
  EXPECT_EQ(pace.counts(PaceTest::kErrors).pairs, 112U);
}

TEST(Pace, TailIsAboveTheControlsOwnNinetyNinth) {
  Pace pace;
  for (int i = 0; i < 200; ++i) pace.add(pair(i * 1ms, 5ms, 5ms));
  for (int s = 1; s <= 80; ++s) pace.add(pair(s * 1s, 50ms, 5ms));
  pace.close(kFirstSecond + 90s);
  EXPECT_EQ(pace.counts(PaceTest::kTail).plus, 80U);
  EXPECT_EQ(pace.counts(PaceTest::kTail).s, 2U);  // 1 s to 11 s, a rest, 71 s to 81 s
}

class Failures {
 public:
  // One pair a `step`, failing at the candidate's or the control's side.
  Failures& until(Duration end, bool candidate, bool control, Duration step = 100ms) {
    for (; now_ < end; now_ += step) {
      PacePair one;
      one.with_secondary = true;
      one.candidate_failed = candidate;
      one.control_failed = control;
      one.time = kFirstSecond + now_;
      pace_.add(one);
    }
    pace_.close(kFirstSecond + now_);
    return *this;
  }
  std::pair<std::uint64_t, std::uint64_t> votes() const {
    return {pace_.counts(PaceTest::kErrors).s, pace_.counts(PaceTest::kErrors).f};
  }

 private:
  Pace pace_;
  Duration now_{};
};
using SF = std::pair<std::uint64_t, std::uint64_t>;

TEST(Pace, AStallOfUpToAMinuteIsOneEvent) {
  EXPECT_EQ(Failures().until(20s, false, false).until(29s, true, false).until(100s, false, false).votes(), SF(1, 0));
  EXPECT_EQ(Failures().until(20s, false, false).until(80s, true, false).until(200s, false, false).votes(), SF(1, 0));
  // Both at once, and one a little longer: one event, whose majority is who began.
  EXPECT_EQ(Failures().until(20s, true, false).until(50s, true, true).until(70s, false, true)
                .until(200s, false, false).votes(), SF(1, 0));
}

TEST(Pace, OnceBothAreCalmTheNextEventCounts) {
  Failures failures;
  for (int i = 0; i < 5; ++i) {
    failures.until((i * 30 + 5) * 1s, true, false).until((i * 30 + 30) * 1s, false, false);
  }
  EXPECT_EQ(failures.votes(), SF(5, 0));
  // Ten seconds of silence are calm only if enough was asked.
  Failures rare;
  for (int i = 0; i < 4; ++i) rare.until((i * 30 + 5) * 1s, true, false, 1s).until((i * 30 + 30) * 1s, false, false, 1s);
  EXPECT_EQ(rare.votes(), SF(2, 0));
}

TEST(Pace, WhatLastsVotesOnceInSeventySeconds) {
  EXPECT_EQ(Failures().until(700s, true, false).votes(), SF(10, 0));
}

TEST(Pace, AfterARestartAStallUnderWayDoesNotVoteAgain) {
  Pace pace;
  PacePair failing;
  failing.with_secondary = failing.candidate_failed = true;
  const auto run = [&](Pace& on, int from, int to) {
    for (int s = from; s < to; ++s) {
      failing.time = kFirstSecond + s * 1s;
      on.add(failing);
    }
    on.close(kFirstSecond + to * 1s);
  };
  run(pace, 0, 15);
  EXPECT_EQ(pace.counts(PaceTest::kErrors).s, 1U);
  Pace again;
  again.restore(pace.to_text());
  run(again, 20, 79);
  EXPECT_EQ(again.counts(PaceTest::kErrors).s, 1U);
  run(again, 80, 91);
  EXPECT_EQ(again.counts(PaceTest::kErrors).s, 2U);
}

// A secondary that is down is no control: what it does not answer tells nothing.
TEST(Pace, ASecondaryThatNeverAnsweredDoesNotSpeak) {
  Pace pace;
  PacePair down;
  down.with_secondary = down.control_failed = true;
  for (int i = 0; i < 50; ++i) pace.add(down);
  EXPECT_FALSE(pace.with_secondary());
}

TEST(Pace, ASecondaryThatIsGoneSpeaksNoMoreUntilItIsBack) {
  Pace pace;
  for (int i = 0; i < 20; ++i) pace.add(pair(i * 1s, 30ms, 5ms));
  pace.add(pair(20s, 1ms, 5ms, false));
  EXPECT_EQ(pace.counts(PaceTest::kSlower).pairs, 20U);
  pace.set_secondary(false);
  EXPECT_FALSE(pace.with_secondary());
  EXPECT_EQ(pace.counts(PaceTest::kSlower).pairs, 1U);
  pace.set_secondary(true);
  EXPECT_EQ(pace.counts(PaceTest::kSlower).pairs, 20U);
}

// What an older schema kept has no text.
TEST(Pace, RestoredFromNothingIsFresh) {
  Pace pace;
  pace.restore("");
  EXPECT_EQ(pace.to_text(), Pace().to_text());
  for (int i = 0; i < 31; ++i) pace.add(pair(i * 1s, 30ms, 5ms));
  EXPECT_TRUE(pace.always(PaceTest::kSlower, 30, 30s));
}

TEST(Pace, SurvivesTheWayThroughText) {
  Pace pace;
  for (int i = 0; i < 30; ++i) pace.add(pair(i * 1s, 30ms, 5ms));
  pace.close(kFirstSecond + 31s);
  Pace read;
  read.restore(pace.to_text());
  EXPECT_EQ(read.to_text(), pace.to_text());
  EXPECT_EQ(read.counts(PaceTest::kSlower).s, 3U);
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
