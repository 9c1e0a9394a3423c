// What a re-read does to the parts that the shards share, and to one dispatcher.
#include "agent/effects.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "agent/shadow/dispatcher.h"
#include "agent/shadow/service_health.h"
#include "agent/shadow/shared_limits.h"
#include "agent/shard.h"
#include "tests/unit/api/fakes.h"

namespace shadowtap {
namespace {

using namespace std::chrono_literals;

class EffectsTest : public testing::Test {
 protected:
  EffectsTest() { says("", ""); }

  void says(const std::string& of_agent, const std::string& of_service) {
    text_ = of_agent + "\nservices: [{name: a, ports: [80]" + of_service + "}]";
    if (live_) return live_->reread();
    live_ = config::LiveConfig::open(read().value(), [this] { return read(); }).value();
    health_.push_back(std::make_unique<shadow::ServiceHealth>(
        live_->running().services[0].dispatch, 1, 1, std::chrono::steady_clock::now()));
    live_->set_effects(make_effects(*live_, shards_, results_, limits_, health_));
  }

  Result<config::Effective> read() const {
    Result<config::Config> config = config::parse_config(text_, "f.yaml");
    if (!config) return config.error();
    return config::Effective{*config, *config};
  }

  // 500 originals a second for so long, each taking `latency`.
  void run(Duration latency, Duration time) {
    int i = 0;
    for (const Time end = now_ + time; now_ < end; now_ += 2ms) {
      health_[0]->observe(0, latency, false, true, now_);
      if (++i % 50 == 0) health_[0]->decide(now_);
    }
  }

  bool ever_off(Duration within) const {
    const Time start = std::chrono::steady_clock::now();
    for (Time at = start; at < start + within; at += 10ms) {
      if (health_[0]->phase(at).off) return true;
    }
    return false;
  }

  std::string text_;
  std::unique_ptr<config::LiveConfig> live_;
  std::vector<std::unique_ptr<Shard>> shards_;
  api::FakeResults results_;
  shadow::SharedLimits limits_{shadow::GlobalLimits{}};
  std::vector<std::unique_ptr<shadow::ServiceHealth>> health_;
  Time now_ = std::chrono::steady_clock::now();
};

TEST_F(EffectsTest, ANewMaximumInFlightHoldsForTheNextRequest) {
  EXPECT_TRUE(limits_.enter());
  EXPECT_TRUE(limits_.enter());
  says("limits: {max_in_flight: 2}", "");
  EXPECT_FALSE(limits_.enter());
  limits_.leave();
  EXPECT_TRUE(limits_.enter());
  says("", "");
  EXPECT_TRUE(limits_.enter());
}

TEST_F(EffectsTest, ANewRateHoldsForTheNextRequest) {
  says("limits: {rate: 0.01/s}", "");
  EXPECT_TRUE(limits_.take(now_));
  EXPECT_FALSE(limits_.take(now_));
  says("limits: {rate: 1000/s}", "");
  EXPECT_TRUE(limits_.take(now_)) << "the slow rate's next request would be 100 s away";
  says("", "");
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(limits_.take(now_));
}

TEST_F(EffectsTest, TheGuardIsTurnedOffAndOnAgain) {
  says("", ", impact: {enabled: false}");
  now_ = std::chrono::steady_clock::now() + 1s;
  run(10ms, 10s);
  EXPECT_EQ(health_[0]->share(), 1);
  run(300ms, 10s);
  EXPECT_LT(health_[0]->share(), 1);
  says("", ", impact: {enabled: false}, guard: off");
  EXPECT_EQ(health_[0]->share(), 1);
  run(900ms, 10s);
  EXPECT_EQ(health_[0]->share(), 1);
  says("", ", impact: {enabled: false}");
  run(10ms, 10s);
  EXPECT_EQ(health_[0]->share(), 1) << "what it missed is no window of its own";
  run(300ms, 10s);
  EXPECT_LT(health_[0]->share(), 1);
}

TEST_F(EffectsTest, WindowsWithoutShadowsComeAndGo) {
  EXPECT_FALSE(ever_off(20s)) << "they begin after 30 s";
  says("", ", impact: {delay: 0s, period: 1s, window: 500ms}");
  EXPECT_TRUE(ever_off(5s));
  says("", ", impact: {enabled: false}");
  EXPECT_FALSE(ever_off(60s));
}

TEST_F(EffectsTest, AReReadOfTheSameKeepsTheWindowsWhereTheyAre) {
  const auto before = health_[0]->phase(now_ + 60s);
  says("limits: {rate: 1}", ", guard: off");
  const auto after = health_[0]->phase(now_ + 60s);
  EXPECT_EQ(before.period, after.period);
  EXPECT_EQ(before.into, after.into);
}

class NobodyAnswers : public shadow::AnswerSink {
  void answered(http::ExchangeId, shadow::Role, shadow::TargetOutcome) override {}
};

TEST(DispatcherExpiry, IsCountedFromTheMomentItIsSet) {
  boost::asio::io_context io;
  NobodyAnswers sink;
  shadow::ServiceContext context;
  context.name = "a";
  auto made = shadow::make_dispatcher(io, context, {}, {}, {}, sink);
  ASSERT_TRUE(made);
  shadow::Dispatcher& dispatcher = **made;
  dispatcher.tick(Time::clock::now() + 1h);
  EXPECT_FALSE(dispatcher.sending_expired());
  shadow::DispatchOptions options;
  options.expires = 30min;
  dispatcher.apply(options);
  EXPECT_TRUE(dispatcher.sending_expired());
  options.expires = 2h;
  dispatcher.apply(options);
  EXPECT_FALSE(dispatcher.sending_expired());
  dispatcher.tick(Time::clock::now() + 3h);
  EXPECT_TRUE(dispatcher.sending_expired());
  dispatcher.apply(shadow::DispatchOptions());
  EXPECT_FALSE(dispatcher.sending_expired());
}

}  // namespace
}  // namespace shadowtap
