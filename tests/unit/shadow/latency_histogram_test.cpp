#include "agent/shadow/latency_histogram.h"

#include <gtest/gtest.h>

namespace shadowtap::shadow {
namespace {

using namespace std::chrono_literals;

TEST(LatencyHistogram, CountsWhatWasWithinABound) {
  LatencyHistogram delays;
  delays.add(300us);
  delays.add(900us);
  delays.add(5ms);
  EXPECT_EQ(delays.count_within(200us), 0U);
  EXPECT_EQ(delays.count_within(1ms), 2U);
  EXPECT_EQ(delays.count_within(1s), 3U);
  EXPECT_EQ(delays.sum(), 6200us);
}

TEST(LatencyHistogram, MergesAsIfOneHadSeenAll) {
  LatencyHistogram one, other, all;
  for (int i = 1; i <= 100; ++i) {
    (i % 3 == 0 ? one : other).add(i * 1ms);
    all.add(i * 1ms);
  }
  one.add(other);
  EXPECT_EQ(one.count(), all.count());
  EXPECT_EQ(one.sum(), all.sum());
  EXPECT_EQ(one.quantile(0.5), all.quantile(0.5));
  EXPECT_EQ(one.quantile(0.99), all.quantile(0.99));
}

}  // namespace
}  // namespace shadowtap::shadow
