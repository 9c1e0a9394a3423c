#include "agent/shadow/guard.h"

#include <gtest/gtest.h>

#include <random>

#include "agent/shadow/impact.h"
#include "agent/shadow/ramp.h"

namespace shadowtap::shadow {
namespace {

using namespace std::chrono_literals;

// A service that takes `plain` and, in proportion to the shadows it gets, `harm` more.
struct Service {
  Duration plain = 10ms;
  Duration harm = 0ms;
  double error_share = 0;
  std::mt19937 random{7};
  Time now{1h};

  // 500 exchanges a second for so long.
  void run(Guard& guard, Duration time) {
    const Time end = now + time;
    std::uniform_real_distribution<double> unit(0, 1);
    for (; now < end; now += 2ms) {
      const auto noise = Duration(static_cast<std::int64_t>(unit(random) * 3e6));
      const auto extra = Duration(
          static_cast<std::int64_t>(static_cast<double>(harm.count()) * guard.share()));
      guard.observe(plain + noise + extra, unit(random) < error_share, guard.share() > 0, now);
    }
  }
};

TEST(Guard, LeavesAHealthyServiceAlone) {
  Guard guard;
  Service service;
  service.run(guard, 60s);
  EXPECT_EQ(guard.share(), 1);
}

TEST(Guard, BacksOffWhileShadowsHurtAndComesBackWhenTheyDoNot) {
  Guard guard;
  Service service;
  service.run(guard, 10s);
  service.harm = 200ms;
  service.run(guard, 20s);
  EXPECT_LT(guard.share(), 0.25);
  service.harm = 0ms;
  service.run(guard, 180s);
  EXPECT_EQ(guard.share(), 1);
}

TEST(Guard, SeesErrorsToo) {
  Guard guard;
  Service service;
  service.run(guard, 10s);
  service.error_share = 0.3;
  service.run(guard, 6s);
  EXPECT_LE(guard.share(), 0.25);
}

TEST(Guard, ServiceThatStaysSlowWithoutUsIsTheNewNormal) {
  Guard guard;
  Service service;
  service.run(guard, 10s);
  service.plain = 100ms;
  service.run(guard, 20s);
  EXPECT_LT(guard.share(), 1);
  service.run(guard, 300s);
  EXPECT_EQ(guard.share(), 1);
}

TEST(Guard, WhatItSawWithShadowsOffIsTheBaseline) {
  Guard guard;
  Service service;
  service.harm = 200ms;  // from the first request on
  service.run(guard, 5s);
  EXPECT_EQ(guard.share(), 1);
  for (int i = 0; i < 100; ++i) guard.observe(11ms, false, false, service.now);
  service.run(guard, 5s);
  EXPECT_LT(guard.share(), 1);
}

TEST(Guard, AdmitsTheShareOfIds) {
  Guard guard;
  Service service;
  service.run(guard, 10s);
  service.harm = 40ms;
  while (guard.share() == 1) service.run(guard, 1s);
  int admitted = 0;
  for (http::ExchangeId id = 0; id < 10000; ++id) admitted += guard.admits(id);
  EXPECT_NEAR(admitted, 10000 * guard.share(), 200);
}

ImpactReport report_of(Duration harm, Duration time) {
  ImpactOptions options;
  options.delay = 0s;
  const Time start{1h};
  const OffWindows windows(options, 99, start);
  Impact impact;
  std::mt19937 random{3};
  std::lognormal_distribution<double> latency_ms(3.0, 0.5);  // around 20 ms
  for (Time now = start; now < start + time; now += 4ms) {
    const OffWindows::Phase phase = windows.at(now);
    const auto plain = Duration(static_cast<std::int64_t>(latency_ms(random) * 1e6));
    impact.observe(phase.off ? plain : plain + harm, false, phase);
  }
  return impact.report();
}

TEST(Impact, FindsAPlantedFiveMilliseconds) {
  const ImpactReport report = report_of(5ms, 20min);
  EXPECT_EQ(report.verdict, ImpactReport::Verdict::kHarm) << report.interval;
  EXPECT_NEAR(report.harm_ms, 5, 2);
  EXPECT_GT(report.with_shadows.p50_ms, report.without_shadows.p50_ms + 3);
}

TEST(Impact, SaysNoneWhereThereIsNone) {
  const ImpactReport report = report_of(0ms, 40min);
  EXPECT_EQ(report.verdict, ImpactReport::Verdict::kNone) << report.interval;
}

TEST(Impact, SaysUnknownUntilItHasSeenEnough) {
  EXPECT_EQ(report_of(0ms, 2min).verdict, ImpactReport::Verdict::kUnknown);
}

TEST(OffWindows, AreShortRandomAndTheSameForAll) {
  ImpactOptions options;
  options.delay = 30s;
  const Time start{1h};
  const OffWindows one(options, 5, start);
  const OffWindows two(options, 5, start + 3ms);
  int off = 0;
  const int total = 600 * 1000;
  for (int ms = 0; ms < total; ++ms) {
    const Time now = start + std::chrono::milliseconds(ms);
    off += one.at(now).off;
    EXPECT_EQ(one.at(now).off, two.at(now).off);
    EXPECT_TRUE(ms >= 30000 || !one.at(now).off);
  }
  EXPECT_GT(off, total / 100);
  EXPECT_LT(off, total / 50);
}

TEST(Ramp, RisesOverTimeAndWaitsWhereTooMuchDiffers) {
  RampProgress ramp({1, 100, 100s, 0.05});
  Time now{1h};
  ramp.tick(now);
  EXPECT_EQ(ramp.percent(), 1);
  ramp.tick(now += 50s);
  EXPECT_NEAR(ramp.percent(), 50.5, 0.1);
  ramp.observe_trouble(0.06);
  ramp.tick(now += 50s);
  EXPECT_NEAR(ramp.percent(), 50.5, 0.1);
  ramp.observe_trouble(0.05);
  ramp.tick(now += 500s);
  EXPECT_EQ(ramp.percent(), 100);
}

}  // namespace
}  // namespace shadowtap::shadow
