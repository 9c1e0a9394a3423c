#include "agent/results/evidence.h"

#include <gtest/gtest.h>

#include <cmath>

namespace shadowtap::results {
namespace {

TEST(Evidence, StartsAtOneAndIsTheMeanOfItsBets) {
  EXPECT_NEAR(log_evidence(0, 0), 0, 1e-12);
  double mean = 0;
  for (const double t : {.51, .52, .54, .58, .66, .82, .95, .999}) {
    mean += std::pow(2 * t, 5) * std::pow(2 * (1 - t), 3) / 8;
  }
  EXPECT_NEAR(log_evidence(5, 3), std::log(mean), 1e-9);
}

// The expectation over a fair coin's next vote is what it was: that makes it sound at
// every moment it is looked at.
TEST(Evidence, IsAMartingaleOfAFairCoin) {
  for (std::uint64_t s = 0; s < 40; ++s) {
    for (std::uint64_t f = 0; f < 40; ++f) {
      const double next = (std::exp(log_evidence(s + 1, f)) + std::exp(log_evidence(s, f + 1))) / 2;
      EXPECT_NEAR(next / std::exp(log_evidence(s, f)), 1, 1e-9);
    }
  }
}

TEST(Evidence, StaysFiniteForCountsOfAnySize) {
  EXPECT_GT(log_evidence(1'000'000'000, 0), 1e8);
  EXPECT_LT(log_evidence(0, 1'000'000'000), -1e6);
  EXPECT_TRUE(std::isfinite(log_evidence(1'000'000'000, 1'000'000'000)));
}

TEST(Weights, SumUpToLessThanOneHoweverMany) {
  double sum = 0;
  for (std::uint64_t i = 1; i <= 1'000'000; ++i) sum += std::exp(log_weight(i));
  EXPECT_LT(sum, 1);
  EXPECT_GT(sum, 0.9);
  EXPECT_NEAR(std::exp(log_weight(1)), 1.0 / 2, 1e-12);
  EXPECT_NEAR(std::exp(log_weight(5)), 1.0 / (4 * 3 * 4), 1e-12);
}

// At the limit itself neither side may grow in expectation.
TEST(NetRate, IsFairAtTheLimitAndLeansOnlyBeyondIt) {
  const double limit = .01;
  const NetCounts seen{.plus = 3, .minus = 1, .zero = 200};
  const auto expected = [&](double (*log_e)(const NetCounts&, double), double plus, double minus) {
    const auto with = [&](NetCounts c) { return std::exp(log_e(c, limit) - log_e(seen, limit)); };
    return plus * with({4, 1, 200}) + minus * with({3, 2, 200}) + (1 - plus - minus) * with({3, 1, 201});
  };
  EXPECT_NEAR(expected(log_evidence_above, .012, .002), 1, 1e-9);
  EXPECT_NEAR(expected(log_evidence_below, .012, .002), 1, 1e-9);
  EXPECT_LT(expected(log_evidence_above, .005, 0), 1);
  EXPECT_GT(expected(log_evidence_above, .05, 0), 1);
  EXPECT_LT(expected(log_evidence_below, .05, 0), 1);
}

TEST(NetRate, LeavesOutBetsThatALimitMakesNegative) {
  EXPECT_TRUE(std::isfinite(log_evidence_above({10, 10, 10}, .9)));
  EXPECT_TRUE(std::isfinite(log_evidence_below({0, 10, 10}, 0)));
}

}  // namespace
}  // namespace shadowtap::results
