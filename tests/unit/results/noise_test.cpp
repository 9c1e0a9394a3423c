#include "agent/results/noise.h"

#include <gmock/gmock.h>

namespace shadowtap::results {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kStart{Duration(std::chrono::seconds(1'750'000'000))};

Hit hit(PathId path, std::uint64_t left, std::uint64_t right, diff::Kind kind = diff::Kind::kValue) {
  Hit made;
  made.path = path;
  made.kind = kind;
  made.left = left;
  made.right = right;
  return made;
}

class NoiseTest : public testing::Test {
 protected:
  Outcome pair(std::vector<Hit> candidate, std::vector<Hit> control, std::uint64_t key,
               Duration at = 0s, Control with = Control::kSecondary) {
    Pair made;
    made.key = key;
    made.time = kStart + at;
    made.control = with;
    made.candidate = candidate;
    made.control_hits = control;
    return noise_.add(made);
  }
  // Compared without control, and the candidate asked once more.
  void repeated(std::vector<Hit> candidate, std::vector<Hit> against_first, std::uint64_t key, Duration at) {
    pair(candidate, {}, key, at, Control::kNone);
    Pair made;
    made.time = kStart + at;
    made.control = Control::kItself;
    made.candidate = candidate;
    made.control_hits = against_first;
    noise_.add_repeat(made);
  }
  const PathRecord& record(PathId path, diff::Kind kind = diff::Kind::kValue) {
    return noise_.route(0).records[noise_.record_of(0, path, kind)];
  }
  Status status(PathId path, diff::Kind kind = diff::Kind::kValue) {
    return noise_.status({0, noise_.record_of(0, path, kind)});
  }
  std::string why(PathId path) { return explain(record(path), noise_.route(0).pairs, noise_.options()); }

  NoiseOptions options_;
  Noise noise_{options_};
};

TEST_F(NoiseTest, ManyKeysOneSideIsARegressionAndStaysOne) {
  std::uint64_t key = 0;
  while (status(1) != Status::kRegression && key < 100) {
    ++key;
    pair({hit(1, key, key + 1000)}, {}, key);
  }
  EXPECT_GE(key, kMinVotes);
  EXPECT_LE(key, 20U);
  for (int i = 0; i < 1000; ++i) pair({}, {hit(1, 1, 2)}, ++key);
  EXPECT_EQ(status(1), Status::kRegression);
  EXPECT_THAT(why(1), testing::HasSubstr("Votes"));
}

TEST_F(NoiseTest, ANoisierControlIsNeverARegression) {
  for (std::uint64_t key = 1; key < 1000; ++key) pair({}, {hit(1, key, 2)}, key);
  EXPECT_EQ(status(1), Status::kNoise);
}

TEST_F(NoiseTest, TheSameAnswerOfTheSameKeyVotesOnceAMinute) {
  for (int second = 0; second < 59; ++second) pair({hit(1, 5, 6)}, {}, 7, second * 1s);
  EXPECT_EQ(record(1).find(Control::kSecondary)->s, 1U);
  pair({hit(1, 5, 6)}, {}, 7, 60s);
  EXPECT_EQ(record(1).find(Control::kSecondary)->s, 2U);
  pair({hit(1, 5, 9)}, {}, 7, 61s);  // another value
  EXPECT_EQ(record(1).find(Control::kSecondary)->s, 3U);
  pair({}, {}, 7, 62s);  // agreed in between
  pair({hit(1, 5, 9)}, {}, 7, 63s);
  EXPECT_EQ(record(1).find(Control::kSecondary)->s, 4U);
  pair({}, {hit(1, 5, 9)}, 7, 64s);  // the other side
  EXPECT_EQ(record(1).find(Control::kSecondary)->f, 1U);
}

TEST_F(NoiseTest, AlwaysDifferingOnOneKeyIsTheConstantRulesCase) {
  for (int i = 0; i < 29; ++i) pair({hit(1, 5, 6)}, {}, 7, i * 2s);
  EXPECT_EQ(status(1), Status::kInsufficient);
  pair({hit(1, 5, 6)}, {}, 7, 58s);
  EXPECT_EQ(status(1), Status::kRegression);
  EXPECT_THAT(why(1), testing::HasSubstr("all of 30 pairs"));
  EXPECT_THAT(why(1), testing::HasSubstr("seen on 1 request key"));
}

TEST_F(NoiseTest, ConstantNeedsItsTimeAndEveryPair) {
  for (int i = 0; i < 100; ++i) pair({hit(1, 5, 6)}, {}, 7, i * 100ms);
  EXPECT_EQ(status(1), Status::kInsufficient);  // 10 s only
  pair({}, {}, 7, 20s);
  for (int i = 0; i < 100; ++i) pair({hit(1, 5, 6)}, {}, 7, 20s + i * 1s);
  EXPECT_EQ(status(1), Status::kInsufficient);
}

TEST_F(NoiseTest, EarlierOriginalsDoNotAccuseWhatEachInstanceMakes) {
  for (std::uint64_t key = 1; key < 200; ++key) {
    Hit time = hit(1, key, key + 1);
    time.shape = Shape::kTime;
    pair({time, hit(2, key, key + 1)}, {}, key, key * 1s, Control::kProduction);
  }
  EXPECT_EQ(status(1), Status::kInsufficient);
  EXPECT_THAT(why(1), testing::HasSubstr("time"));
  EXPECT_EQ(status(2), Status::kRegression);
}

TEST_F(NoiseTest, TheCandidateAgainstItselfOnlyShowsNoise) {
  for (std::uint64_t key = 1; key < 200; ++key) {
    repeated({hit(1, key, 1), hit(2, key, 2)}, {hit(2, key, 3)}, key, key * 1s);
  }
  EXPECT_EQ(speaking(noise_.route(0).pairs, noise_.options()), Control::kItself);
  EXPECT_EQ(status(1), Status::kInsufficient);
  EXPECT_EQ(status(2), Status::kNoise);
  EXPECT_EQ(record(1).differing(), 199U);  // each exchange once
  EXPECT_EQ(record(1).find(Control::kItself)->index, 0U);  // it bets on nothing
  EXPECT_THAT(why(1), testing::HasSubstr("alone it never accuses"));
}

// What control 3 does not call noise is left to directions: "alone" it never accuses.
TEST_F(NoiseTest, DirectionsMayAccuseWhatRepeatsTheSame) {
  for (std::uint64_t key = 1; key <= 40; ++key) {
    const auto missing = diff::Kind::kMissing;
    repeated({hit(1, key, 0, missing), hit(2, key, 0, missing)}, {hit(2, key, 0, missing)}, key, 0s);
  }
  EXPECT_EQ(status(1, diff::Kind::kMissing), Status::kRegression);
  EXPECT_EQ(status(2, diff::Kind::kMissing), Status::kNoise);
}

TEST_F(NoiseTest, WhatWasRepeatedStaysInTheNetTestOfNoControl) {
  for (std::uint64_t key = 1; key <= 5; ++key) repeated({hit(1, key, 1)}, {}, key, 0s);
  const auto none = static_cast<std::size_t>(Control::kNone);
  EXPECT_EQ(noise_.net()[none].counts.plus, 5U);
  EXPECT_EQ(noise_.net()[static_cast<std::size_t>(Control::kItself)].counts.total(), 0U);
}

// Its own pair must not decide whether a path takes part.
TEST_F(NoiseTest, APathIsLeftOutOnlyIfItWasNoiseBefore) {
  for (std::uint64_t key = 1; key <= 11; ++key) pair({}, {hit(1, key, 2)}, key);
  EXPECT_EQ(noise_.net()[0].counts.minus, 11U);
  pair({}, {hit(1, 12, 2)}, 12);  // the twelfth pair: noise from here on
  EXPECT_EQ(noise_.net()[0].counts.minus, 12U);
  pair({}, {hit(1, 13, 2)}, 13);
  EXPECT_EQ(noise_.net()[0].counts.minus, 12U);
  EXPECT_EQ(noise_.net()[0].counts.zero, 1U);
}

// A restart forgets what keys voted: for a minute a first vote may be a repeat.
TEST_F(NoiseTest, AfterARestartNoKeyVotesTwiceWithinAMinute) {
  pair({hit(1, 5, 6)}, {}, 7);
  EXPECT_EQ(record(1).find(Control::kSecondary)->s, 1U);
  Noise again(options_);
  again.restore_record(0, 0, [] {
    PathRecord kept;
    kept.path = 1;
    kept.of(Control::kSecondary) = {.control = Control::kSecondary, .candidate_only = 1, .s = 1, .index = 1};
    return kept;
  }());
  again.restore_next_index(2);
  again.resume();
  const auto seen = [&](std::uint64_t right, std::uint64_t key, Duration at) {
    const Hit one = hit(1, 5, right);
    Pair made;
    made.key = key;
    made.time = kStart + at;
    made.control = Control::kSecondary;
    made.candidate = {&one, 1};
    again.add(made);
    return again.routes()[0].records[0].find(Control::kSecondary)->s;
  };
  EXPECT_EQ(seen(6, 7, 10s), 1U);
  EXPECT_EQ(seen(8, 7, 11s), 2U);  // this key's previous pair is known, and was another
  EXPECT_EQ(seen(6, 9, 69s), 2U);  // within a minute of the restart's first pair
  EXPECT_EQ(seen(6, 10, 70s), 3U);
}

TEST_F(NoiseTest, PairsOfDifferentControlsAreNeverAdded) {
  for (std::uint64_t key = 1; key <= 11; ++key) pair({hit(1, key, 0)}, {}, key, 0s);
  for (std::uint64_t key = 100; key < 200; ++key) {
    pair({hit(1, key, 0)}, {hit(1, key, 0)}, key, 0s, Control::kProduction);
  }
  EXPECT_EQ(speaking(noise_.route(0).pairs, noise_.options()), Control::kProduction);
  EXPECT_EQ(status(1), Status::kNoise);
  pair({}, {}, 12);
  EXPECT_EQ(speaking(noise_.route(0).pairs, noise_.options()), Control::kSecondary);
  EXPECT_EQ(status(1), Status::kInsufficient);
}

TEST_F(NoiseTest, PairsOfASecondaryThatIsGoneDoNotSpeak) {
  for (std::uint64_t key = 1; key <= 20; ++key) pair({}, {hit(1, key, 2)}, key);
  EXPECT_EQ(status(1), Status::kNoise);
  noise_.options().has_secondary = false;
  EXPECT_EQ(status(1), Status::kInsufficient);
  EXPECT_THAT(why(1), testing::HasSubstr("Insufficient: 0 comparisons"));
  const auto missing = diff::Kind::kMissing;
  for (std::uint64_t key = 101; key <= 140; ++key) pair({hit(2, key, 0, missing)}, {}, key, 0s, Control::kNone);
  EXPECT_EQ(status(2, missing), Status::kRegression);
  noise_.options().has_secondary = true;
  EXPECT_EQ(status(1), Status::kNoise);
  EXPECT_EQ(status(2, missing), Status::kRegression);
}

TEST_F(NoiseTest, WithoutControlMissingSpeaksAgainstExtra) {
  for (std::uint64_t key = 1; key <= 40; ++key) {
    pair({hit(1, key, 0, diff::Kind::kMissing)}, {}, key, 0s, Control::kNone);
    const auto kind = key % 2 == 0 ? diff::Kind::kMissing : diff::Kind::kExtra;
    pair({hit(2, key, 0, kind)}, {}, key + 1000, 0s, Control::kNone);
  }
  EXPECT_EQ(status(1, diff::Kind::kMissing), Status::kRegression);
  EXPECT_EQ(status(2, diff::Kind::kMissing), Status::kInsufficient);
  EXPECT_EQ(status(2, diff::Kind::kExtra), Status::kInsufficient);
}

// One cached answer, polled: of a list one element went and another came.
TEST_F(NoiseTest, WithoutControlMissingAndExtraAtOnePathSayNothing) {
  const auto missing = diff::Kind::kMissing, extra = diff::Kind::kExtra;
  for (int i = 0; i < 40; ++i) {
    pair({hit(1, 5, 0, missing), hit(1, 0, 6, extra)}, {}, 7, i * 1s, Control::kNone);
  }
  for (const diff::Kind kind : {missing, extra}) {
    EXPECT_EQ(status(1, kind), Status::kInsufficient);
    const ControlCounts* counts = record(1, kind).find(Control::kNone);
    ASSERT_NE(counts, nullptr);
    EXPECT_EQ(counts->candidate_only, 40U);
    EXPECT_EQ(counts->s + counts->f, 0U);
  }
  for (int i = 40; i < 90; ++i) pair({hit(1, 0, 6, extra)}, {}, 7, i * 1s, Control::kNone);
  EXPECT_EQ(record(1, extra).find(Control::kNone)->s, 1U);
  EXPECT_EQ(record(1, missing).find(Control::kNone)->f, 1U);
}

TEST_F(NoiseTest, ACachedAnswerVotesOnceAlsoWhereManyPathsShareAPlace) {
  const auto missing = diff::Kind::kMissing, extra = diff::Kind::kExtra;
  Noise small(options_, 1);
  small.record_of(0, 9, diff::Kind::kValue);  // full: what comes now is filed at `other`
  const std::vector<Hit> hits{hit(1, 5, 0, missing), hit(2, 0, 6, extra), hit(3, 0, 8, extra)};
  for (int i = 0; i < 40; ++i) {
    Pair made;
    made.key = 7;
    made.time = kStart + i * 1s;
    made.control = Control::kNone;
    made.candidate = hits;
    small.add(made);
  }
  const std::uint32_t other = small.record_of(0, kOtherPath, extra);
  const ControlCounts* counts = small.routes()[0].records[other].find(Control::kNone);
  ASSERT_NE(counts, nullptr);
  EXPECT_EQ(counts->s, 2U);  // the two that came
  EXPECT_EQ(counts->f, 1U);  // the one that went
}

TEST_F(NoiseTest, WithoutControlAnUnusualValueSpeaksAgainstWhoShowedIt) {
  for (std::uint64_t key = 1; key <= 40; ++key) {
    pair({hit(1, 5, 6)}, {}, key, 0s, Control::kNone);                       // 5 is usual
    pair({hit(2, key * 2, key * 2 + 1)}, {}, key + 1000, 0s, Control::kNone);  // never repeats
    const bool swap = key % 2 == 0;
    pair({hit(3, swap ? 5 : 6, swap ? 6 : 5)}, {}, key + 2000, 0s, Control::kNone);
  }
  EXPECT_EQ(status(1), Status::kRegression);
  EXPECT_EQ(status(2), Status::kInsufficient);
  EXPECT_EQ(record(2).find(Control::kNone)->s, 0U);
  EXPECT_EQ(status(3), Status::kInsufficient);
  EXPECT_THAT(why(2), testing::HasSubstr("No control: environment and release cannot be told apart"));
}

TEST_F(NoiseTest, OutcomesFollowTodaysStatuses) {
  EXPECT_EQ(pair({hit(1, 1, 2)}, {}, 1), Outcome::kMismatch);
  for (std::uint64_t key = 2; key <= 20; ++key) {
    EXPECT_EQ(pair({hit(1, key, 2)}, {hit(1, key, 3)}, key), Outcome::kNoise);
  }
  const auto outcomes = noise_.outcomes(0);
  EXPECT_EQ(outcomes[static_cast<std::size_t>(Outcome::kNoise)], 20U);  // the first one, too
  EXPECT_EQ(pair({}, {}, 30), Outcome::kMatch);
}

TEST_F(NoiseTest, NetCountsLeaveOutNoiseAndRepeatedAgreement) {
  for (int i = 0; i < 10; ++i) pair({}, {}, 7, i * 1ms);
  EXPECT_EQ(noise_.net()[0].counts.zero, 1U);
  pair({}, {}, 7, 1s);
  EXPECT_EQ(noise_.net()[0].counts.zero, 2U);
  pair({hit(1, 1, 2)}, {}, 8);
  pair({}, {hit(1, 1, 2)}, 9);
  pair({hit(3, 1, 2)}, {hit(4, 1, 2)}, 10);  // each has something of its own
  EXPECT_EQ(noise_.net()[0].counts.plus, 1U);
  EXPECT_EQ(noise_.net()[0].counts.minus, 1U);
  EXPECT_EQ(noise_.net()[0].counts.zero, 3U);
}

TEST(DiffysRule, IsStrictInAllItsThreeParts) {
  NoiseOptions options;
  options.rule = "diffy";
  RoutePairs pairs;
  pairs[0].n = 100;
  const auto judged = [&](std::uint32_t r, std::uint32_t n) {
    PathRecord record;
    record.of(Control::kSecondary).candidate_only = r;
    record.of(Control::kSecondary).control_only = n;
    return judge(record, pairs, options);
  };
  EXPECT_EQ(judged(60, 40), Status::kNoise);       // exactly 20 %
  EXPECT_EQ(judged(61, 40), Status::kRegression);
  EXPECT_EQ(judged(1, 0), Status::kRegression);
  EXPECT_EQ(judged(40, 61), Status::kNoise);
  pairs[0].n = 10'000;
  EXPECT_EQ(judged(3, 0), Status::kInsufficient);  // exactly 0.03 %
  EXPECT_EQ(judged(4, 0), Status::kRegression);
}

TEST(DiffysRule, AccusesOnlyUnderAControlThatMay) {
  NoiseOptions options;
  options.rule = "diffy";
  const auto judged = [&](Control control, Shape shape) {
    RoutePairs pairs;
    pairs[static_cast<std::size_t>(control)].n = 100;
    PathRecord record;
    record.shape = shape;
    record.of(control).candidate_only = 90;
    record.of(control).control_only = 1;
    const Status status = judge(record, pairs, options);
    EXPECT_THAT(explain(record, pairs, options),
                testing::StartsWith(status == Status::kRegression ? "Regression" : "Insufficient"));
    return status;
  };
  EXPECT_EQ(judged(Control::kSecondary, Shape::kTime), Status::kRegression);
  EXPECT_EQ(judged(Control::kProduction, Shape::kNone), Status::kRegression);
  EXPECT_EQ(judged(Control::kProduction, Shape::kTime), Status::kInsufficient);
  EXPECT_EQ(judged(Control::kItself, Shape::kNone), Status::kInsufficient);
}

TEST_F(NoiseTest, MergedRoutesKeepTheirCountsAndStartEvidenceAnew) {
  const auto at = [&](RouteIndex route, std::uint64_t key) {
    const Hit one = hit(1, key, 2);
    Pair made;
    made.route = route;
    made.key = key;
    made.time = kStart;
    made.control = Control::kSecondary;
    made.candidate = {&one, 1};
    noise_.add(made);
  };
  for (std::uint64_t key = 1; key <= 8; ++key) at(1, key), at(2, key + 100);
  noise_.merge_routes(1, 3);
  noise_.merge_routes(2, 3);
  const RoutePaths& merged = noise_.routes()[3];
  EXPECT_EQ(merged.pairs[0].n, 16U);
  ASSERT_EQ(merged.records.size(), 1U);
  EXPECT_EQ(merged.records[0].find(Control::kSecondary)->candidate_only, 16U);
  EXPECT_EQ(merged.records[0].find(Control::kSecondary)->s, 0U);
  EXPECT_EQ(noise_.outcomes(3)[static_cast<std::size_t>(Outcome::kMismatch)], 16U);
}

TEST_F(NoiseTest, AFullRouteCountsTheRestAtOther) {
  Noise small(options_, 3);
  EXPECT_EQ(small.record_of(0, 1, diff::Kind::kValue), 0U);
  EXPECT_EQ(small.record_of(0, 2, diff::Kind::kValue), 1U);
  EXPECT_EQ(small.record_of(0, 3, diff::Kind::kValue), 2U);
  const auto other = small.record_of(0, 4, diff::Kind::kValue);
  EXPECT_EQ(small.routes()[0].records[other].path, kOtherPath);
  EXPECT_EQ(small.record_of(0, 5, diff::Kind::kValue), other);
}

}  // namespace
}  // namespace shadowtap::results
