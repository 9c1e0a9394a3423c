#include <gtest/gtest.h>

#include <random>

#include "agent/shadow/ramp.h"
#include "agent/shadow/service_health.h"

namespace shadowtap::shadow {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kShards = 4;

// A service that takes `plain` and, in proportion to the shadows it gets, `harm` more. Its
// connections are spread over the shards.
struct Service {
  Duration plain = 10ms;
  Duration harm = 0ms;
  double error_share = 0;
  std::mt19937 random{7};
  Time now{1h};
  std::unique_ptr<ServiceHealth> health = [this] {
    DispatchOptions dispatch;
    dispatch.impact.on = false;
    return std::make_unique<ServiceHealth>(dispatch, kShards, 1, now);
  }();

  double share() const { return health->share(); }
  // 500 exchanges a second for so long.
  void run(Duration time) {
    const Time end = now + time;
    std::uniform_real_distribution<double> unit(0, 1);
    for (int i = 0; now < end; now += 2ms, ++i) {
      const auto noise = Duration(static_cast<std::int64_t>(unit(random) * 3e6));
      const auto extra =
          Duration(static_cast<std::int64_t>(static_cast<double>(harm.count()) * share()));
      health->observe(random() % kShards, plain + noise + extra, unit(random) < error_share,
                      share() > 0, now);
      if (i % 50 == 49) health->decide(now);
    }
  }
};

TEST(Guard, LeavesAHealthyServiceAlone) {
  Service service;
  service.run(60s);
  EXPECT_EQ(service.share(), 1);
}

TEST(Guard, BacksOffWhileShadowsHurtAndComesBackWhenTheyDoNot) {
  Service service;
  service.run(10s);
  service.harm = 200ms;
  service.run(20s);
  EXPECT_LT(service.share(), 0.25);
  service.harm = 0ms;
  service.run(180s);
  EXPECT_EQ(service.share(), 1);
}

TEST(Guard, SeesErrorsToo) {
  Service service;
  service.run(10s);
  service.error_share = 0.3;
  service.run(6s);
  EXPECT_LE(service.share(), 0.25);
}

TEST(Guard, ServiceThatStaysSlowWithoutUsIsTheNewNormal) {
  Service service;
  service.run(10s);
  service.plain = 100ms;
  service.run(20s);
  EXPECT_LT(service.share(), 1);
  service.run(300s);
  EXPECT_EQ(service.share(), 1);
}

TEST(Guard, WhatItSawWithShadowsOffIsTheBaseline) {
  Service service;
  service.harm = 200ms;  // from the first request on
  service.run(5s);
  EXPECT_EQ(service.share(), 1);
  for (std::size_t i = 0; i < 100; ++i) {
    service.health->observe(i % kShards, 11ms, false, false, service.now);
  }
  service.run(5s);
  EXPECT_LT(service.share(), 1);
}

TEST(Guard, AdmitsTheShareOfIds) {
  Service service;
  service.run(10s);
  service.harm = 40ms;
  while (service.share() == 1) service.run(1s);
  int admitted = 0;
  for (http::ExchangeId id = 0; id < 10000; ++id) admitted += service.health->admits(id);
  EXPECT_NEAR(admitted, 10000 * service.share(), 200);
}

// Each shard alone sees fewer requests than a window needs; together they see enough.
TEST(Guard, AFewRequestsOfEachShardAreEnoughTogether) {
  DispatchOptions dispatch;
  dispatch.impact.on = false;
  constexpr std::size_t kMany = 32;
  const Time start{1h};
  ServiceHealth health(dispatch, kMany, 1, start);
  Time now = start;
  const auto run = [&](Duration latency, Duration time) {
    for (const Time end = now + time; now < end; now += 16ms) {
      health.observe(static_cast<std::size_t>((now - start) / 16ms) % kMany, latency, false,
                     health.share() > 0, now);
      health.decide(now);
    }
  };
  run(10ms, 10s);
  EXPECT_EQ(health.share(), 1);
  run(100ms, 12s);
  EXPECT_LE(health.share(), 0.25);
}

TEST(Guard, MayBeTurnedOff) {
  DispatchOptions dispatch;
  dispatch.guard = false;
  Time now{1h};
  ServiceHealth health(dispatch, 1, 1, now);
  for (int i = 0; i < 20000; ++i, now += 2ms) {
    health.observe(0, i < 5000 ? 10ms : 900ms, i >= 5000, true, now);
    if (i % 50 == 0) health.decide(now);
  }
  EXPECT_EQ(health.share(), 1);
}

struct Harm {
  Duration latency{};
  double errors = 0;
};

ImpactReport report_of(Harm harm, Duration time) {
  DispatchOptions dispatch;
  dispatch.guard = false;
  dispatch.impact.delay = 0s;
  const Time start{1h};
  ServiceHealth health(dispatch, kShards, 99, start);
  std::mt19937 random{3};
  std::lognormal_distribution<double> latency_ms(3.0, 0.5);  // around 20 ms
  std::uniform_real_distribution<double> unit(0, 1);
  int i = 0;
  for (Time now = start; now < start + time; now += 4ms) {
    const bool off = health.phase(now).off;
    const auto plain = Duration(static_cast<std::int64_t>(latency_ms(random) * 1e6));
    health.observe(random() % kShards, off ? plain : plain + harm.latency,
                   unit(random) < (off ? 0.001 : 0.001 + harm.errors), true, now);
    if (++i % 25 == 0) health.decide(now);
  }
  return health.impact();
}

TEST(Impact, FindsAPlantedFiveMilliseconds) {
  const ImpactReport report = report_of({5ms}, 20min);
  EXPECT_EQ(report.verdict, ImpactReport::Verdict::kHarm) << report.interval;
  EXPECT_NEAR(report.harm_ms, 5, 2);
  EXPECT_GT(report.with_shadows.p50_ms, report.without_shadows.p50_ms + 3);
}

TEST(Impact, FindsPlantedErrors) {
  const ImpactReport report = report_of({0ms, 0.05}, 40min);
  EXPECT_EQ(report.verdict, ImpactReport::Verdict::kHarm) << report.interval;
}

TEST(Impact, SaysNoneWhereThereIsNone) {
  const ImpactReport report = report_of({}, 40min);
  EXPECT_EQ(report.verdict, ImpactReport::Verdict::kNone) << report.interval;
  EXPECT_GT(report.windows, 100u);
}

TEST(Impact, SaysUnknownUntilItHasSeenEnough) {
  EXPECT_EQ(report_of({}, 2min).verdict, ImpactReport::Verdict::kUnknown);
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
  ramp.observe(6, 100);
  ramp.tick(now += 50s);
  EXPECT_NEAR(ramp.percent(), 50.5, 0.1);
  ramp.observe(0, 100);
  ramp.tick(now += 500s);
  EXPECT_EQ(ramp.percent(), 100);
}

// One in ten differs, three a second are compared: most seconds see nothing wrong.
TEST(Ramp, IsHeldByAShareThatMostSecondsDoNotShow) {
  RampProgress ramp({1, 100, 100s, 0.05});
  Time now{1h};
  ramp.tick(now);
  for (int second = 0; second < 300; ++second) {
    ramp.observe(second % 3 == 0 ? 1 : 0, 3);
    ramp.tick(now += 1s);
  }
  EXPECT_LT(ramp.percent(), 20);
  EXPECT_TRUE(ramp.held());
}

}  // namespace
}  // namespace shadowtap::shadow
