// DESIGN section 8 by hand: each number below was worked out on paper (or by a calculator)
// from the text, at the edge where one vote or one pair decides.
#include "agent/results/judge.h"

#include <gtest/gtest.h>

#include <cmath>

#include "agent/results/evidence.h"
#include "agent/results/noise.h"

namespace shadowtap::results {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kBegin{Duration(std::chrono::seconds(1'750'000'000))};

double e(std::uint64_t s, std::uint64_t f) { return std::exp(log_evidence(s, f)); }

TEST(ByHand, EvidenceOfVotes) {
  EXPECT_NEAR(e(1, 0), (1.02 + 1.04 + 1.08 + 1.16 + 1.32 + 1.64 + 1.9 + 1.998) / 8, 1e-9);
  EXPECT_NEAR(e(1, 0), 1.39475, 1e-9);
  EXPECT_NEAR(e(11, 0), 431.592780705792, 1e-6);
  EXPECT_NEAR(e(12, 0), 834.786365035234, 1e-6);
  EXPECT_NEAR(e(12, 1), 49.351952633986, 1e-6);
  EXPECT_NEAR(e(9, 3), 1.793374828247, 1e-9);
  EXPECT_NEAR(e(20, 5), 21.922519405768, 1e-8);
}

TEST(ByHand, WeightsOfTheFirstPaths) {
  const double expected[] = {1 / 2., 1 / 12., 1 / 12., 1 / 48., 1 / 48., 1 / 48., 1 / 48., 1 / 160.};
  for (std::uint64_t i = 1; i <= 8; ++i) EXPECT_NEAR(std::exp(log_weight(i)), expected[i - 1], 1e-12) << i;
  EXPECT_NEAR(std::exp(log_weight(128)), 1 / (128 * 8. * 9), 1e-12);
}

TEST(ByHand, NetTests) {
  EXPECT_NEAR(std::exp(log_evidence_above({10, 0, 0}, .01)), 126.068932953985, 1e-6);  // 10 errors in a row fail
  EXPECT_NEAR(std::exp(log_evidence_above({9, 0, 0}, .01)), 67.531843431949, 1e-6);    // 9 do not
  EXPECT_NEAR(std::exp(log_evidence_above({5, 1, 100}, .01)), 1.282315531613, 1e-9);
  EXPECT_NEAR(std::exp(log_evidence_below({0, 0, 499}, .01)), 20.154034833921, 1e-6);  // the 499th clean one passes
  EXPECT_NEAR(std::exp(log_evidence_below({0, 0, 498}, .01)), 19.984452932708, 1e-6);
  EXPECT_NEAR(std::exp(log_evidence_below({2, 1, 300}, .01)), 1.083869005332, 1e-9);
  // At a limit of 0.9 a lambda of 0.6 or more is left out: 1/(1 + 0.9) = 0.526.
  EXPECT_NEAR(std::exp(log_evidence_above({3, 2, 1}, .9)), .511299942518, 1e-9);
}

class Edge : public testing::Test {
 protected:
  bool proven(std::uint32_t s, std::uint32_t f, std::uint64_t pairs, std::uint32_t index = 1,
              Control control = Control::kSecondary) {
    ControlCounts counts{.control = control, .candidate_only = s, .control_only = f, .s = s, .f = f, .index = index};
    counts.log_e = log_evidence(s, f);
    RoutePairs all;
    all[static_cast<std::size_t>(control)] = {pairs, kBegin};
    return is_proven(record_, counts, all, options_);
  }
  PathRecord record_;
  NoiseOptions options_;
};

TEST_F(Edge, TwelveVotesAndTheirWeight) {
  EXPECT_FALSE(proven(11, 0, 100));        // E w = 216, but 11 votes
  EXPECT_TRUE(proven(12, 0, 100));         // 834.8 / 2 = 417
  EXPECT_FALSE(proven(12, 0, 100, 2));     // 834.8 / 12 = 69.6
  EXPECT_TRUE(proven(13, 0, 100, 2));      // E(13, 0) / 12 = 135
  EXPECT_FALSE(proven(12, 1, 100));        // 24.7
}

TEST_F(Edge, ThreeInTenThousandPairs) {
  EXPECT_TRUE(proven(15, 0, 50'000));   // exactly 0.03 %
  EXPECT_FALSE(proven(15, 0, 50'001));
}

TEST_F(Edge, FivePercentOfTheVotes) {
  EXPECT_TRUE(proven(10'500, 9'500, 20'000, 1));   // a lead of exactly 5 %
  EXPECT_FALSE(proven(10'499, 9'501, 20'000, 1));  // E w is far beyond 100 here as well
  EXPECT_GT(log_evidence(10'499, 9'501) + log_weight(1), std::log(100));
}

TEST_F(Edge, OneSided) {
  EXPECT_FALSE(proven(0, 1'000, 2'000));
  EXPECT_FALSE(proven(500, 500, 2'000));
}

TEST_F(Edge, TheCandidateAgainstItselfNeverAccuses) { EXPECT_FALSE(proven(100, 0, 100, 1, Control::kItself)); }

TEST_F(Edge, ConstantIsThirtyOfThirtyPairsOverThirtySeconds) {
  const auto constant = [&](std::uint32_t differing, std::uint64_t pairs, Duration over, Control control) {
    const ControlCounts counts{.control = control, .candidate_only = differing};
    RoutePairs all;
    all[static_cast<std::size_t>(control)] = {pairs, kBegin};
    return is_constant(record_, counts, all, options_, kBegin + over);
  };
  EXPECT_TRUE(constant(30, 30, 30s, Control::kSecondary));
  EXPECT_TRUE(constant(30, 30, 30s, Control::kProduction));
  EXPECT_FALSE(constant(29, 29, 300s, Control::kSecondary));
  EXPECT_FALSE(constant(30, 31, 30s, Control::kSecondary));
  EXPECT_FALSE(constant(30, 30, 29'999ms, Control::kSecondary));
  EXPECT_FALSE(constant(300, 300, 300s, Control::kItself));
  EXPECT_FALSE(constant(300, 300, 300s, Control::kNone));
  record_.shape = Shape::kHost;
  EXPECT_FALSE(constant(300, 300, 300s, Control::kProduction));
  EXPECT_TRUE(constant(300, 300, 300s, Control::kSecondary));
}

TEST_F(Edge, NoiseIsAControlThatDiffersHalfAsOften) {
  const auto judged = [&](std::uint32_t both, std::uint32_t candidate, std::uint32_t control, std::uint64_t pairs) {
    PathRecord record;
    record.of(Control::kSecondary) = {.control = Control::kSecondary, .both = both, .candidate_only = candidate,
                                      .control_only = control};
    RoutePairs all;
    all[0] = {pairs, kBegin};
    return judge(record, all, options_);
  };
  EXPECT_EQ(judged(0, 10, 5, 100), Status::kNoise);         // 5 of 10
  EXPECT_EQ(judged(0, 11, 5, 100), Status::kInsufficient);  // 5 of 11
  EXPECT_EQ(judged(5, 5, 0, 100), Status::kNoise);          // 5 of 10
  EXPECT_EQ(judged(0, 10, 10, 11), Status::kInsufficient);  // 11 pairs
  EXPECT_EQ(judged(0, 3, 0, 100), Status::kInsufficient);
}

TEST(ControlOrder, TheFirstWithTwelvePairsSpeaks) {
  RoutePairs pairs;
  NoiseOptions options;
  EXPECT_FALSE(speaking(pairs, options));
  pairs[3].n = 1000;
  EXPECT_EQ(speaking(pairs, options), Control::kNone);
  pairs[2].n = 12;
  EXPECT_EQ(speaking(pairs, options), Control::kItself);
  pairs[1].n = 12;
  EXPECT_EQ(speaking(pairs, options), Control::kProduction);
  pairs[0].n = 11;
  EXPECT_EQ(speaking(pairs, options), Control::kProduction);
  pairs[0].n = 12;
  EXPECT_EQ(speaking(pairs, options), Control::kSecondary);
  options.has_secondary = false;
  EXPECT_EQ(speaking(pairs, options), Control::kProduction);
}

// 4,096 keys; the one asked for longest ago goes, and is counted.
TEST(Repeating, KeysAreHeldLeastRecentlyUsedOutFirst) {
  Noise noise{NoiseOptions{}};
  const auto vote = [&](std::uint64_t key) {
    Hit one;
    one.path = 1;
    one.left = 5, one.right = 6;
    Pair pair;
    pair.key = key;
    pair.time = kBegin;
    pair.control = Control::kSecondary;
    pair.candidate = {&one, 1};
    noise.add(pair);
    return noise.routes()[0].records[0].find(Control::kSecondary)->s;
  };
  for (std::uint64_t key = 1; key <= 4096; ++key) vote(key);
  EXPECT_EQ(noise.repeats_evicted(), 0U);
  EXPECT_EQ(vote(1), 4096U);  // a repeat; and 1 is the newest now
  EXPECT_EQ(vote(5000), 4097U);
  EXPECT_EQ(noise.repeats_evicted(), 1U);
  EXPECT_EQ(vote(1), 4097U);
  EXPECT_EQ(vote(2), 4098U);  // was forgotten, votes again
}

// Eight values are remembered; what came more often among earlier originals is the usual one.
TEST(Direction, ValuesSeenMoreOftenAmongEarlierOriginals) {
  SeenValues seen;
  for (int i = 0; i < 3; ++i) seen.add(1);
  for (std::uint64_t v = 2; v <= 8; ++v) seen.add(v);
  EXPECT_EQ(seen.count(1), 3U);
  EXPECT_EQ(seen.count(8), 1U);
  seen.add(9);  // no room: one from each
  EXPECT_EQ(seen.count(9), 0U);
  EXPECT_EQ(seen.count(1), 2U);
  EXPECT_EQ(seen.count(8), 0U);
  seen.add(9);
  EXPECT_EQ(seen.count(9), 1U);
}

}  // namespace
}  // namespace shadowtap::results
