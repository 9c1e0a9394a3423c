#include "agent/shadow/breaker.h"

#include <gtest/gtest.h>

#include "agent/shadow/shared_limits.h"

namespace shadowtap::shadow {
namespace {

using namespace std::chrono_literals;

Time at(int ms) {
  return Time{1h + std::chrono::milliseconds(ms)};
}

BreakerOptions options_of(std::uint32_t consecutive) {
  BreakerOptions options;
  options.consecutive_failures = consecutive;
  options.min_samples = 20;
  return options;
}

TEST(Breaker, OpensAfterARunOfFailuresAndProbes) {
  Breaker breaker(options_of(3), at(0));
  breaker.failed(at(1));
  EXPECT_EQ(breaker.state(), TargetState::kFailing);
  EXPECT_EQ(breaker.since(), at(1));
  breaker.failed(at(2));
  EXPECT_TRUE(breaker.admit(at(2)));
  breaker.failed(at(3));
  EXPECT_EQ(breaker.state(), TargetState::kOpen);
  EXPECT_EQ(breaker.next_probe(), at(5003));
  EXPECT_FALSE(breaker.admit(at(5002)));
  EXPECT_TRUE(breaker.admit(at(5003)));   // the probe
  EXPECT_FALSE(breaker.admit(at(5004)));  // only one
  breaker.failed(at(5010));
  EXPECT_FALSE(breaker.admit(at(10009)));
  EXPECT_TRUE(breaker.admit(at(10010)));
  EXPECT_EQ(breaker.since(), at(3));
  breaker.succeeded(1ms, at(10011));
  EXPECT_EQ(breaker.state(), TargetState::kUp);
  EXPECT_TRUE(breaker.admit(at(10012)));
  EXPECT_TRUE(breaker.admit(at(10012)));
}

TEST(Breaker, AProbeThatNeverAnswersIsFollowedByAnother) {
  Breaker breaker(options_of(1), at(0));
  breaker.failed(at(0));
  EXPECT_TRUE(breaker.admit(at(5000)));
  EXPECT_FALSE(breaker.admit(at(9999)));
  EXPECT_TRUE(breaker.admit(at(10000)));
}

TEST(Breaker, OpensWhenTheShareOfFailuresIsTooHigh) {
  Breaker breaker(options_of(1000), at(0));
  for (int i = 0; i < 30; ++i) {
    EXPECT_NE(breaker.state(), TargetState::kOpen) << i;
    if (i % 3 == 0) {
      breaker.succeeded(1ms, at(i));
    } else {
      breaker.failed(at(i));
    }
    if (breaker.state() == TargetState::kOpen) {
      EXPECT_GE(i, 18);
      return;
    }
  }
  FAIL() << "two failures of three did not open it";
}

TEST(Breaker, OldFailuresAreForgotten) {
  Breaker breaker(options_of(1000), at(0));
  for (int i = 0; i < 19; ++i) breaker.failed(at(0));
  for (int i = 0; i < 15; ++i) breaker.succeeded(1ms, at(12000 + i));
  breaker.failed(at(12050));
  EXPECT_EQ(breaker.state(), TargetState::kFailing);
}

TEST(Breaker, SlowAnswersAreFailuresWhereAskedFor) {
  BreakerOptions options = options_of(2);
  options.slow = 100ms;
  Breaker breaker(options, at(0));
  breaker.succeeded(99ms, at(1));
  EXPECT_EQ(breaker.state(), TargetState::kUp);
  breaker.succeeded(101ms, at(2));
  breaker.succeeded(101ms, at(3));
  EXPECT_EQ(breaker.state(), TargetState::kOpen);
}

TEST(SharedLimits, CountsPlacesInFlight) {
  SharedLimits limits({0, 2});
  EXPECT_TRUE(limits.enter());
  EXPECT_TRUE(limits.enter());
  EXPECT_FALSE(limits.enter());
  limits.leave();
  EXPECT_TRUE(limits.enter());
  EXPECT_EQ(limits.in_flight(), 2);
}

TEST(SharedLimits, KeepsTheRate) {
  SharedLimits limits({50, 0});
  int taken = 0;
  for (int ms = 0; ms < 10000; ++ms) taken += limits.take(at(ms));
  EXPECT_NEAR(taken, 500, 15);
}

}  // namespace
}  // namespace shadowtap::shadow
