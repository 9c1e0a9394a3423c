#include "agent/config/live_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>

#include "agent/base/text.h"

namespace shadowtap::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

WallTime from_now(Duration time) {
  return WallTime(std::chrono::system_clock::now()) + time;
}

// The agent's side as a list of what it was asked to do.
class LiveConfigTest : public testing::Test {
 protected:
  LiveConfigTest() {
    char name[] = "/tmp/shadowtap_live_XXXXXX";
    directory_ = ::mkdtemp(name);
    file("sample: 100", "url: 'http://c'");
    start();
  }
  ~LiveConfigTest() override { std::filesystem::remove_all(directory_); }

  void file(const std::string& select, const std::string& candidate, const std::string& more = "",
            const std::string& of_service = "") {
    text_ = "data_dir: " + directory_ + "\n" + more + "services:\n- {name: a, ports: [80], " +
            of_service + "select: {" + select + "}, targets: {candidate: {" + candidate + "}}}";
  }

  Result<Effective> read() const {
    Result<Config> config = parse_config(text_, "f.yaml");
    if (!config) return config.error();
    return Effective{*config, *config};
  }

  void start() {
    live_ = LiveConfig::open(read().value(), [this] { return read(); }).value();
    live_->set_effects(effects_of());
  }

  Effects effects_of() {
    Effects effects;
    effects.put_rules = [this](const std::string& s, const diff::Rules&) { return done("rules " + s); };
    effects.put_select = [this](const std::string& s, const shadow::SelectOptions& o) {
      return done("select " + s + " " + std::to_string(static_cast<int>(o.sample)));
    };
    effects.put_target = [this](const std::string& s, const shadow::TargetOptions& o) {
      return done("target " + s + " " + o.name + " " + o.url);
    };
    effects.remove_target = [this](const std::string& s, shadow::Role, const std::string& n) {
      return done("remove " + s + " " + n);
    };
    effects.set_epoch = [this](const std::string& s, const std::string& e) {
      done_.push_back("epoch " + s + " " + e);
    };
    effects.set_limits = [this](const shadow::GlobalLimits& l) {
      done_.push_back("limits " + std::to_string(static_cast<int>(l.rate)) + " " +
                      std::to_string(l.max_in_flight));
    };
    effects.put_dispatch = [this](const std::string& s, const shadow::DispatchOptions& o) {
      const char* orders[] = {"none", "connection", "happens-before"};
      return done("sending " + s + " " + orders[static_cast<int>(o.order)] + (o.guard ? " guard " : " ") +
                  (o.impact.on ? "windows " : "") + (o.expires ? format_duration(*o.expires) : "never") +
                  (o.middleware.empty() ? "" : " | " + o.middleware));
    };
    effects.one_shard = one_shard_;
    return effects;
  }

  Result<> done(const std::string& what) {
    if (refuse_) return plain_error("refused");
    done_.push_back(what);
    return {};
  }

  // As if what is kept of run time had been changed years ago.
  void age_changes() const {
    const std::string path = directory_ + "/overlay.json";
    std::ifstream in(path);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    std::ofstream(path) << std::regex_replace(text, std::regex("\"time\":\"[^\"]*\""),
                                              "\"time\":\"2020-01-01T00:00:00Z\"");
  }

  shadow::SelectOptions sampled(double percent) const {
    shadow::SelectOptions select = live_->running().services[0].select;
    select.sample = percent;
    return select;
  }

  std::string directory_;
  std::string text_;
  std::unique_ptr<LiveConfig> live_;
  std::vector<std::string> done_;
  bool refuse_ = false;
  bool one_shard_ = true;
};

TEST_F(LiveConfigTest, AReReadPutsOnlyWhatChangedIntoEffect) {
  live_->reread();
  EXPECT_THAT(done_, IsEmpty());
  file("sample: 50", "url: 'http://d'");
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("target a candidate http://d", "epoch a http://d", "select a 50"));
  done_.clear();
  live_->reread();
  EXPECT_THAT(done_, IsEmpty());
}

TEST_F(LiveConfigTest, AWrongFileKeepsTheOldOneUntilItIsRight) {
  text_ = "servcies: []";
  live_->reread();
  EXPECT_FALSE(live_->last_reread_succeeded());
  EXPECT_THAT(done_, IsEmpty());
  file("sample: 50", "url: 'http://c'");
  live_->reread();
  EXPECT_TRUE(live_->last_reread_succeeded());
  EXPECT_THAT(done_, ElementsAre("select a 50"));
}

TEST_F(LiveConfigTest, ARunTimeChangeOutlivesRestartsAndUnrelatedEdits) {
  ASSERT_TRUE(live_->put_select("a", sampled(10)));
  file("sample: 100, rate: 7", "url: 'http://c'");
  done_.clear();
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("select a 10"));
  start();
  EXPECT_EQ(live_->running().services[0].select.sample, 10);
  EXPECT_EQ(live_->running().services[0].select.rate, 7);
  EXPECT_EQ(live_->sources().back().key, "services.a.select.sample");
}

TEST_F(LiveConfigTest, ALaterEditOfThatKeyWinsForGood) {
  ASSERT_TRUE(live_->put_select("a", sampled(10)));
  file("sample: 60", "url: 'http://c'");
  live_->reread();
  EXPECT_EQ(live_->running().services[0].select.sample, 60);
  file("sample: 100", "url: 'http://c'");  // taking the edit back does not bring 10 back
  start();
  EXPECT_EQ(live_->running().services[0].select.sample, 100);
}

TEST_F(LiveConfigTest, TargetsThatComeAndGoAreTold) {
  file("sample: 100", "url: 'http://c'}, mirrors: [{name: m, url: 'http://m'}], secondary: {url: 'http://s'");
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("target a m http://m", "target a secondary http://s"));
  done_.clear();
  file("sample: 100", "url: 'http://c'");
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("remove a m", "remove a secondary"));
}

TEST_F(LiveConfigTest, WhatIsRefusedIsNotKept) {
  refuse_ = true;
  EXPECT_FALSE(live_->put_select("a", sampled(10)));
  EXPECT_FALSE(live_->remove_target("a", shadow::Role::kCandidate, ""));
  start();
  EXPECT_EQ(live_->running().services[0].select.sample, 100);
  EXPECT_TRUE(live_->running().services[0].candidate);
}

TEST_F(LiveConfigTest, WhatCannotBeKeptHoldsAndSaysSo) {
  std::filesystem::remove_all(directory_);
  const Result<> put = live_->put_select("a", sampled(10));
  ASSERT_FALSE(put);
  EXPECT_THAT(put.error().message(), HasSubstr("holds, but could not be kept"));
  EXPECT_EQ(live_->running().services[0].select.sample, 10);
}

TEST_F(LiveConfigTest, AnotherReleaseStartsTheEvidenceAnewAnotherTimeOutDoesNot) {
  file("sample: 100", "url: 'http://c', timeout: 9s");
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("target a candidate http://c"));
  done_.clear();
  file("sample: 100", "url: 'http://c', timeout: 9s", "", "release: v2, ");
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("epoch a http://c v2"));
}

TEST_F(LiveConfigTest, ASecretsNewFileIsPutEvenIfTheConfigurationIsTheSame) {
  const std::string secret = directory_ + "/key";
  std::ofstream(secret) << "one";
  file("sample: 100", "url: 'http://c', headers: {from_file: {X-Key: " + secret + "}}");
  start();
  live_->reread();
  EXPECT_THAT(done_, IsEmpty());
  std::ofstream(secret) << "another";
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("target a candidate http://c"));
}

TEST_F(LiveConfigTest, WhatNeedsARestartIsLeftAloneNamedAndNoFailure) {
  file("sample: 100", "url: 'http://c'", "listen: 127.0.0.1:1\n", "max_routes: 7, ");
  live_->reread();
  EXPECT_THAT(done_, IsEmpty());
  EXPECT_TRUE(live_->last_reread_succeeded());
  EXPECT_THAT(live_->pending_restart(), ElementsAre("listen", "services.a.max_routes"));
  live_->reread();  // still so
  EXPECT_THAT(live_->pending_restart(), ElementsAre("listen", "services.a.max_routes"));
  file("sample: 100", "url: 'http://c'");
  live_->reread();
  EXPECT_THAT(live_->pending_restart(), IsEmpty());
}

TEST_F(LiveConfigTest, LimitsGuardAndExpiryHoldAtOnce) {
  file("sample: 100", "url: 'http://c'", "limits: {rate: 5/s, max_in_flight: 3}\n",
       "guard: off, impact: {enabled: false}, expires: 1h, ");
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("sending a connection 1h", "limits 5 3"));
  EXPECT_THAT(live_->pending_restart(), IsEmpty());
  EXPECT_EQ(live_->running().limits.rate, 5);
  EXPECT_FALSE(live_->running().services[0].dispatch.guard);
  done_.clear();
  live_->reread();
  EXPECT_THAT(done_, IsEmpty());
  file("sample: 100", "url: 'http://c'");
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("sending a connection guard windows never", "limits 0 0"));
}

TEST_F(LiveConfigTest, WhatDidNotChangeOfThemIsLeftAlone) {
  file("sample: 100", "url: 'http://c'", "limits: {max_in_flight: 3}\n", "impact: {window: 1s}, ");
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("sending a connection guard windows never", "limits 0 3"));
  done_.clear();
  file("sample: 100", "url: 'http://c'", "limits: {max_in_flight: 3}\n",
       "impact: {window: 1s}, expires: 2h, ");
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("sending a connection guard windows 2h"));
}

TEST_F(LiveConfigTest, AnotherMiddlewareHoldsAtOnceAndStaysOverAChangeOfTheRest) {
  file("sample: 100", "url: 'http://c'", "", "middleware: cat, ");
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("sending a connection guard windows never | cat"));
  done_.clear();
  shadow::DispatchOptions dispatch = live_->running().services[0].dispatch;
  dispatch.order = shadow::Order::kNone;
  ASSERT_TRUE(live_->put_dispatch("a", dispatch));
  EXPECT_THAT(done_, ElementsAre("sending a none guard windows never | cat"));
  EXPECT_THAT(live_->pending_restart(), IsEmpty());
  start();
  EXPECT_EQ(live_->running().services[0].dispatch.order, shadow::Order::kNone);
  EXPECT_EQ(live_->running().services[0].dispatch.middleware, "cat");
  EXPECT_EQ(live_->sources().back().key, "services.a.order");
  EXPECT_EQ(live_->sources().back().source, "runtime");
}

TEST_F(LiveConfigTest, AReReadIsPutIntoEffectAsOne) {
  Effects effects = effects_of();
  std::size_t together = 0;
  effects.together = [&](const std::function<void()>& puts) {
    EXPECT_THAT(done_, IsEmpty());
    puts();
    together = done_.size();
  };
  live_->set_effects(std::move(effects));
  file("sample: 50", "url: 'http://d'", "limits: {rate: 5/s}\n", "middleware: mask, release: v2, ");
  live_->reread();
  EXPECT_EQ(done_.size(), 6u);
  EXPECT_EQ(together, done_.size());
}

TEST_F(LiveConfigTest, TheTimeOfAnExpiryPutAtRunTimeGoesOnOverRestartsAndOtherChanges) {
  shadow::DispatchOptions dispatch = live_->running().services[0].dispatch;
  EXPECT_FALSE(dispatch.expires_since);
  dispatch.expires = std::chrono::hours(1);
  ASSERT_TRUE(live_->put_dispatch("a", dispatch));
  age_changes();
  start();
  const auto since = live_->running().services[0].dispatch.expires_since;
  ASSERT_TRUE(since);
  EXPECT_LT(*since, from_now(-std::chrono::hours(10'000)));
  dispatch.order = shadow::Order::kNone;
  ASSERT_TRUE(live_->put_dispatch("a", dispatch));
  start();
  EXPECT_EQ(live_->running().services[0].dispatch.expires_since, since);
  dispatch.expires = std::chrono::hours(2);
  ASSERT_TRUE(live_->put_dispatch("a", dispatch));
  start();
  EXPECT_GT(live_->running().services[0].dispatch.expires_since, since);
}

TEST_F(LiveConfigTest, AnOrderThatIsReadBackDoesNotOverruleTheOneThatWaitsForTheStart) {
  one_shard_ = false;
  start();
  file("sample: 100", "url: 'http://c'", "", "order: happens-before, ");
  live_->reread();
  shadow::DispatchOptions dispatch = live_->running().services[0].dispatch;
  dispatch.guard = false;
  ASSERT_TRUE(live_->put_dispatch("a", dispatch));
  start();
  EXPECT_EQ(live_->running().services[0].dispatch.order, shadow::Order::kHappensBefore);
  EXPECT_FALSE(live_->running().services[0].dispatch.guard);
}

TEST_F(LiveConfigTest, AnOrderThatWasPutOverrulesTheOneThatWaitsForTheStart) {
  one_shard_ = false;
  start();
  file("sample: 100", "url: 'http://c'", "", "order: happens-before, ");
  live_->reread();
  shadow::DispatchOptions dispatch = live_->running().services[0].dispatch;
  dispatch.order = shadow::Order::kNone;
  ASSERT_TRUE(live_->put_dispatch("a", dispatch));
  EXPECT_THAT(live_->pending_restart(), IsEmpty());
  dispatch.order = shadow::Order::kConnection;
  ASSERT_TRUE(live_->put_dispatch("a", dispatch));
  dispatch.trace = shadow::Trace::kDrop;
  ASSERT_TRUE(live_->put_dispatch("a", dispatch));
  start();
  EXPECT_EQ(live_->running().services[0].dispatch.order, shadow::Order::kConnection);
}

TEST_F(LiveConfigTest, HappensBeforeWaitsForTheNextStartWhereThereAreSeveralShards) {
  one_shard_ = false;
  start();
  file("sample: 100", "url: 'http://c'", "", "order: happens-before, guard: off, ");
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("sending a connection windows never"));
  EXPECT_THAT(live_->pending_restart(), ElementsAre("services.a.order"));
  const shadow::DispatchOptions before = live_->running().services[0].dispatch;
  shadow::DispatchOptions dispatch = before;
  dispatch.order = shadow::Order::kHappensBefore;
  const Result<> put = live_->put_dispatch("a", dispatch);
  ASSERT_FALSE(put);
  EXPECT_THAT(put.error().message(), HasSubstr("needs one shard"));
  EXPECT_EQ(live_->running().services[0].dispatch.order, before.order);
}

TEST_F(LiveConfigTest, AnAdHocMirrorsTimeGoesOnOverARestart) {
  using namespace std::chrono_literals;
  shadow::TargetOptions mirror;
  mirror.role = shadow::Role::kMirror;
  mirror.name = "m";
  mirror.url = "http://m";
  mirror.expires = 1h;
  ASSERT_TRUE(live_->put_target("a", mirror));
  live_->end_expired(from_now(59min));
  start();
  ASSERT_EQ(live_->running().services[0].mirrors.size(), 1u);
  EXPECT_TRUE(live_->running().services[0].mirrors[0].put_at);
  done_.clear();
  live_->end_expired(from_now(59min));
  EXPECT_THAT(done_, IsEmpty());
  live_->end_expired(from_now(61min));
  EXPECT_THAT(done_, ElementsAre("remove a m"));
  EXPECT_THAT(live_->running().services[0].mirrors, IsEmpty());
  start();
  EXPECT_THAT(live_->running().services[0].mirrors, IsEmpty());
}

TEST_F(LiveConfigTest, ATargetOfTheFileExpiresAnewWithEachStart) {
  using namespace std::chrono_literals;
  file("sample: 100", "url: 'http://c', expires: 1h");
  start();
  live_->end_expired(from_now(2h));
  EXPECT_THAT(done_, ElementsAre("remove a candidate"));
  EXPECT_FALSE(live_->running().services[0].candidate);
  start();
  EXPECT_TRUE(live_->running().services[0].candidate);
}

TEST_F(LiveConfigTest, AnExpiredTargetComesBackOnlyWhenTheFileSaysSomethingElseOfIt) {
  using namespace std::chrono_literals;
  file("sample: 100", "url: 'http://c', expires: 1h");
  start();
  live_->end_expired(from_now(2h));
  done_.clear();
  live_->reread();
  file("sample: 50", "url: 'http://c', expires: 1h");
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("select a 50"));
  EXPECT_FALSE(live_->running().services[0].candidate);
  done_.clear();
  file("sample: 50", "url: 'http://c', expires: 3h");
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("target a candidate http://c", "epoch a http://c"));
  done_.clear();
  live_->end_expired(from_now(2h));  // its three hours begin with the edit
  EXPECT_THAT(done_, IsEmpty());
  live_->end_expired(from_now(4h));
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("remove a candidate"));
}

TEST_F(LiveConfigTest, AnExpiredTargetThatWasTakenOutOfTheFileMayStandThereAgain) {
  using namespace std::chrono_literals;
  const std::string with =
      "url: 'http://c'}, mirrors: [{name: m, url: 'http://m', expires: 1h}], secondary: {url: 'http://s'";
  file("sample: 100", with);
  start();
  live_->end_expired(from_now(2h));
  EXPECT_THAT(done_, ElementsAre("remove a m"));
  done_.clear();
  file("sample: 100", "url: 'http://c'}, secondary: {url: 'http://s'");
  live_->reread();
  EXPECT_THAT(done_, IsEmpty());
  file("sample: 100", with);
  live_->reread();
  EXPECT_THAT(done_, ElementsAre("target a m http://m"));
}

TEST_F(LiveConfigTest, AnExpiredTargetThatIsPutAgainStaysOverReReads) {
  using namespace std::chrono_literals;
  file("sample: 100", "url: 'http://c', expires: 1h");
  start();
  const shadow::TargetOptions candidate = *live_->running().services[0].candidate;
  live_->end_expired(from_now(2h));
  ASSERT_TRUE(live_->put_target("a", candidate));
  done_.clear();
  live_->reread();
  EXPECT_THAT(done_, IsEmpty());
  EXPECT_TRUE(live_->running().services[0].candidate);
}

// Its time is not counted from an older change over REST, which would end it at once.
TEST_F(LiveConfigTest, AnEditOfTheFileGivesATargetItsWholeTime) {
  using namespace std::chrono_literals;
  file("sample: 100", "url: 'http://c', expires: 1h");
  start();
  shadow::TargetOptions changed = *live_->running().services[0].candidate;
  changed.timeout = 9s;
  ASSERT_TRUE(live_->put_target("a", changed));
  age_changes();
  start();
  live_->end_expired(from_now(0s));
  EXPECT_FALSE(live_->running().services[0].candidate);
  file("sample: 100", "url: 'http://c', expires: 2h");
  live_->reread();
  live_->end_expired(from_now(1h));
  ASSERT_TRUE(live_->running().services[0].candidate);
  EXPECT_EQ(live_->running().services[0].candidate->timeout, 9s);
}

TEST_F(LiveConfigTest, ATargetThatIsTheServiceItselfIsRefusedAtRunTimeToo) {
  shadow::TargetOptions target = *live_->running().services[0].candidate;
  target.url = "http://127.0.0.1:80";
  const auto put = live_->put_target("a", target);
  ASSERT_FALSE(put);
  EXPECT_THAT(put.error().message(), HasSubstr("is the service itself"));
  EXPECT_THAT(done_, IsEmpty());
}

TEST_F(LiveConfigTest, HappensBeforeNeedsOneShard) {
  const auto with = [](const std::string& shards) {
    return parse_config("capture: {shards: " + shards +
                            "}\nservices: [{name: a, ports: [80], order: happens-before}]",
                        "f.yaml");
  };
  EXPECT_TRUE(with("0"));
  EXPECT_TRUE(with("1"));
  const auto wrong = with("2");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message(), HasSubstr("needs one shard"));
}

// The caller must not take it for refused: it would try again, or trust the old rules.
TEST_F(LiveConfigTest, WhatHoldsButCannotBeKeptIsAnErrorOfItsOwn) {
  std::filesystem::remove_all(directory_);
  diff::Rules rules;
  rules.ignore.emplace_back().path = "$.at";
  const Result<> put = live_->put_rules("a", rules);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, kHoldsUnkept);
  EXPECT_THAT(put.error().context, HasSubstr("the change holds"));
  EXPECT_THAT(done_, ElementsAre("rules a"));
  done_.clear();
  live_->reread();
  EXPECT_THAT(done_, IsEmpty()) << "it is not undone";
}

}  // namespace
}  // namespace shadowtap::config
