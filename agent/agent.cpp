#include "agent/agent.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <numeric>
#include <random>
#include <set>
#include <thread>

#include "agent/api/backend.h"
#include "agent/api/notifier.h"
#include "agent/api/server.h"
#include "agent/base/courtesy.h"
#include "agent/base/log.h"
#include "agent/capture/tap.h"
#include "agent/compare_worker.h"
#include "agent/config/own_address.h"
#include "agent/config/watcher.h"
#include "agent/edits/config_edits.h"
#include "agent/effects.h"
#include "agent/live_control.h"
#include "agent/ramp_feed.h"
#include "agent/recording_source.h"
#include "agent/ring_source.h"
#include "agent/rule_expiry.h"
#include "agent/shadow/resolver.h"
#include "agent/shadow/service_health.h"
#include "agent/shadow/shared_limits.h"
#include "agent/shard.h"
#include "agent/target_addresses.h"
#include "agent/version.h"

namespace shadowtap {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kTurn = 100ms;            // of the control thread's timer
constexpr auto kRefresh = 500ms;         // of what the API shows of shards: it wakes them
constexpr std::size_t kMostShards = 16;  // unless asked for more: each has a ring of 16 MiB
constexpr std::size_t kResultsTurn = 256;  // comparisons taken before the API gets its turn

// What happened before what is known only where both were seen.
bool needs_one_shard(const config::Config& config) {
  return std::any_of(config.services.begin(), config.services.end(), [](const auto& service) {
    return service.dispatch.order == shadow::Order::kHappensBefore;
  });
}

std::size_t shard_count(const config::Config& config) {
  if (needs_one_shard(config)) return 1;
  if (config.capture.shards > 0) return config.capture.shards;
  return std::clamp<std::size_t>(std::thread::hardware_concurrency() / 4, 1, kMostShards);
}

// The kernel stamps with CLOCK_MONOTONIC, files with wall time.
Duration to_wall(bool live) {
  if (!live) return Duration::zero();
  return std::chrono::system_clock::now().time_since_epoch() -
         std::chrono::steady_clock::now().time_since_epoch();
}

// What is kept of an original has to be as long as what is kept of an answer, and of a request
// as what may be sent.
std::size_t kept_body_bytes(const config::Config& config) {
  std::size_t most = http::ParserOptions().max_body_bytes;
  for (const config::ServiceConfig& service : config.services) {
    if (service.targets().empty()) continue;
    most = std::max(most, service.select.max_request_body);
    for (const shadow::TargetOptions& target : service.targets()) {
      most = std::max(most, target.max_answer_bytes);
    }
  }
  return most;
}

ShardOptions shard_options(const config::Config& config, std::size_t index, bool live) {
  ShardOptions options;
  options.index = index;
  options.to_wall = to_wall(live);
  options.assembly.shard = static_cast<std::uint8_t>(index);
  options.assembly.parser.max_body_bytes = kept_body_bytes(config);
  for (const config::ServiceConfig& service : config.services) {
    ShardServiceOptions own;
    own.name = service.name;
    own.original_timeout = service.dispatch.original_timeout;
    Duration& patience = options.assembly.conversation.response_timeout;
    patience = std::max(patience, own.original_timeout);
    own.max_skew = service.results.noise.max_skew;
    own.cluster_header = service.results.noise.cluster_header;
    own.keep_bodies = !service.secondary;  // A/A in production compares earlier originals
    options.services.push_back(std::move(own));
  }
  return options;
}

}  // namespace

struct Agent::Parts {
  std::unique_ptr<config::LiveConfig> live;
  const config::Config& config;  // what is running
  asio::io_context io{1};
  asio::steady_timer timer{io};
  asio::signal_set signals{io};
  std::unique_ptr<results::Results> results;
  std::unique_ptr<shadow::Resolver> resolver = std::make_unique<shadow::Resolver>();
  std::unique_ptr<TargetAddresses> target_addresses;
  std::unique_ptr<shadow::SharedLimits> limits;
  std::vector<std::unique_ptr<shadow::ServiceHealth>> health;  // by service; none for a file
  std::unique_ptr<capture::Tap> tap;
  std::vector<std::unique_ptr<net::SegmentSource>> sources;
  std::unique_ptr<CompareWorker> worker;
  std::vector<std::unique_ptr<Shard>> shards;
  std::unique_ptr<LiveControl> control;
  std::unique_ptr<edits::ConfigEdits> edits;
  std::unique_ptr<config::Watcher> watcher;
  WallTime started{std::chrono::system_clock::now()};
  std::unique_ptr<api::Server> server;
  std::unique_ptr<api::Notifier> notifier;  // null: no webhook
  std::vector<std::thread> threads;
  config::Effects effects;
  WallTime rules_as_of{};
  RampFeed ramps{config, shards};
  std::function<void()> each_second;
  Time next_second;
  Time next_refresh;
  std::optional<Time> end;
  bool running = true;
  CpuShare cpu;

  explicit Parts(std::unique_ptr<config::LiveConfig> from)
      : live(std::move(from)), config(live->running()) {}

  Result<> open_sources(std::unique_ptr<net::SegmentSource> file);
  Result<> make_shards();
  void make_health();
  Result<> make_services(Shard& shard);
  Result<> serve();
  Result<> start_notifier();
  void tell_of_verdicts();
  void end_rules(WallTime now);
  api::Backend backend() const { return {*control, *results, kVersion, started, edits.get()}; }
  void start_threads();

  void take_results();
  void ask_again(results::Repeat repeat);
  void turn();
  void arm_timer();
  bool all_finished() const;
};

Result<> Agent::Parts::open_sources(std::unique_ptr<net::SegmentSource> file) {
  if (file) {
    sources.push_back(std::move(file));
    return {};
  }
  capture::TapOptions options = config::tap_options(config);
  options.shards = shard_count(config);
  auto loaded = capture::Tap::load(options);
  if (!loaded) return loaded.error();
  tap = std::move(*loaded);
  for (std::size_t i = 0; i < options.shards; ++i) {
    sources.push_back(std::make_unique<RingSource>(tap->ring(i)));
  }
  if (auto attached = tap->attach(); !attached) return attached.error();
  auto dropped = tap->drop_privileges({});  // the threads that start later inherit what is left
  if (!dropped) return dropped.error();
  spdlog::info("{}", *dropped);
  return {};
}

Result<> Agent::Parts::make_shards() {
  make_health();
  for (std::size_t i = 0; i < sources.size(); ++i) {
    shards.push_back(std::make_unique<Shard>(
        shard_options(config, i, tap != nullptr), *sources[i], worker.get(),
        [this] { asio::post(io, [this] { take_results(); }); }));
    if (auto made = make_services(*shards.back()); !made) return made;
  }
  return {};
}

// A recording's originals were over long ago: nothing that is sent now can hurt them.
void Agent::Parts::make_health() {
  if (!tap) return;
  const std::uint64_t seed = std::random_device{}();
  for (const config::ServiceConfig& service : config.services) {
    health.push_back(std::make_unique<shadow::ServiceHealth>(
        service.dispatch, sources.size(), seed, std::chrono::steady_clock::now()));
  }
}

Result<> Agent::Parts::make_services(Shard& shard) {
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    const config::ServiceConfig& service = config.services[s];
    shadow::ServiceContext context;
    context.name = service.name;
    context.shard = static_cast<std::uint16_t>(shards.size() - 1);
    context.shards = static_cast<std::uint16_t>(sources.size());
    context.limits = limits.get();
    context.resolver = resolver.get();
    context.health = health.empty() ? nullptr : health[s].get();
    if (tap) context.is_service = config::own_check(config, service);
    auto dispatcher = shadow::make_dispatcher(shard.io(), context, service.select, service.dispatch,
                                              service.targets(), shard.answers());
    if (!dispatcher) return dispatcher.error();
    auto rules = CompareRules::make(service.compare);
    if (!rules) return rules.error();
    shard.add_service(std::move(*dispatcher), std::move(*rules));
  }
  return {};
}

Result<> Agent::Parts::serve() {
  api::ServerOptions options;
  options.listen = config.api.listen;
  options.unix_socket = config.api.unix_socket;
  options.metrics_listen = config.api.metrics_listen;
  options.token_file = config.api.token_file;
  auto serving = api::Server::start(io, options, api::make_router(backend()),
                                    api::make_metrics_router(backend()));
  if (!serving) return serving.error();
  server = std::move(*serving);
  return {};
}

Result<> Agent::Parts::start_notifier() {
  if (config.webhook.url.empty()) return {};
  api::NotifierOptions options;
  options.url = config.webhook.url;
  options.secret_file = config.webhook.secret_file;
  options.timeout = config.webhook.timeout;
  options.attempts = config.webhook.attempts;
  auto made = api::Notifier::start(io, options);
  if (!made) return made.error();
  notifier = std::move(*made);
  return {};
}

void Agent::Parts::tell_of_verdicts() {
  for (const results::VerdictChange& change : results->take_verdict_changes()) {
    spdlog::info("{}: verdict {} (was {})", change.service, change.after, change.before);
    if (notifier) notifier->notify(change);
  }
}

// Puts a service's rules into effect again when one of them has ended since the last look.
void Agent::Parts::end_rules(WallTime now) {
  for (const config::ServiceConfig& service : config.services) {
    const auto ends = next_expiry(service.compare, rules_as_of);
    const bool first_look = rules_as_of == WallTime{};
    if (!first_look && (!ends || *ends > now)) continue;
    if (auto put = effects.put_rules(service.name, service.compare); !put) {
      spdlog::warn("rules of {}: {}", service.name, put.error().message());
    }
  }
  rules_as_of = now;
}

void Agent::Parts::start_threads() {
  for (std::size_t i = 0; i < shards.size(); ++i) {
    threads.emplace_back([this, i] {
      ::pthread_setname_np(::pthread_self(), ("st-shard-" + std::to_string(i)).c_str());
      let_others_finish();
      shards[i]->run();
    });
  }
}

// Takes what the shards handed over, in turns, so that the API never waits for a backlog.
void Agent::Parts::take_results() {
  bool more = false;
  for (auto& shard : shards) {
    for (std::size_t n = 0;; ++n) {
      if (n == kResultsTurn) {
        more = true;
        break;
      }
      auto handed = shard->output().pop();
      if (!handed) break;
      const auto comparison = std::move(*handed);
      const std::size_t bytes = comparison->held_bytes;
      results->add(std::move(*comparison));
      shard->released(bytes);
    }
  }
  for (results::Repeat& repeat : results->take_repeats()) ask_again(std::move(repeat));
  if (more) asio::post(io, [this] { take_results(); });
  if (running && all_finished()) io.stop();
}

// noise.resend: the shard that made the comparison sends the request once more.
void Agent::Parts::ask_again(results::Repeat repeat) {
  const auto asked = std::make_shared<const results::Repeat>(std::move(repeat));
  shards[asked->shard]->post([this, asked](Shard& shard) {
    shard.repeat(asked->exchange, [this, asked](Result<results::Comparison> compared) {
      if (!compared || !std::holds_alternative<results::Compared>(compared->ending)) return;
      asio::post(io, [this, asked, found = std::get<results::Compared>(compared->ending).candidate] {
        results->add_repeat(*asked, found);
      });
    });
  });
}

bool Agent::Parts::all_finished() const {
  return std::all_of(shards.begin(), shards.end(), [](const auto& s) { return s->finished(); });
}

void Agent::Parts::turn() {
  const Time now = std::chrono::steady_clock::now();
  results->tick(WallTime(std::chrono::system_clock::now()));
  tell_of_verdicts();
  for (const auto& service : health) service->decide(now);
  if (now >= next_refresh) {
    next_refresh = now + kRefresh;
    control->refresh();
  }
  if (tap) {
    tap->follow();
    target_addresses->follow(config);
    if (auto told = target_addresses->tell(*tap); !told) spdlog::warn(told.error().message());
  }
  live->end_expired(WallTime(std::chrono::system_clock::now()));
  if (now >= next_second) {
    next_second = now + 1s;
    end_rules(WallTime(std::chrono::system_clock::now()));
    ramps.tell(results->metrics());
    if (each_second) each_second();
  }
  if (end && now >= *end) io.stop();
}

void Agent::Parts::arm_timer() {
  timer.expires_after(kTurn);
  timer.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    turn();
    arm_timer();
  });
}

Result<std::unique_ptr<Agent>> Agent::start(std::unique_ptr<config::LiveConfig> config,
                                            AgentSources sources) {
  auto parts = std::make_unique<Parts>(std::move(config));
  if (auto opened = parts->open_sources(std::move(sources.file)); !opened) return opened.error();
  auto results = results::Results::open(config::results_options(parts->config));
  if (!results) return results.error();
  parts->results = std::move(*results);
  parts->limits = std::make_unique<shadow::SharedLimits>(parts->config.limits);
  parts->worker = std::make_unique<CompareWorker>(CompareWorker::Limits{});
  parts->target_addresses = std::make_unique<TargetAddresses>(*parts->resolver);
  if (parts->tap) {
    parts->target_addresses->follow(parts->config);
    if (auto told = parts->target_addresses->tell(*parts->tap); !told) return told.error();
  }
  if (auto made = parts->make_shards(); !made) return made.error();
  if (sources.recording != nullptr) {
    sources.recording->tell(parts->shards.front()->exchanges());
  }
  parts->control = std::make_unique<LiveControl>(*parts->live, parts->io, parts->tap.get(),
                                                 parts->shards, parts->health,
                                                 [on = parts.get()] { on->take_results(); });
  parts->edits = std::make_unique<edits::ConfigEdits>(parts->config, parts->live->said(), *parts->control);
  parts->effects = make_effects(*parts->live, parts->shards, *parts->results, *parts->limits, parts->health);
  parts->live->set_effects(parts->effects);
  auto watcher = config::Watcher::start(parts->io, sources.config_file,
                                        [live = parts->live.get()] { live->reread(); });
  if (!watcher) return watcher.error();
  parts->watcher = std::move(*watcher);
  if (auto notifying = parts->start_notifier(); !notifying) return notifying.error();
  if (sources.serve) {
    if (auto served = parts->serve(); !served) return served.error();
  }
  parts->start_threads();
  return std::unique_ptr<Agent>(new Agent(std::move(parts)));
}

Agent::Agent(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Agent::~Agent() { finish(); }

void Agent::run(std::optional<Duration> run_for, const std::function<void()>& each_second) {
  Parts& parts = *parts_;
  const Time now = std::chrono::steady_clock::now();
  if (run_for) parts.end = now + *run_for;
  parts.each_second = each_second;
  parts.next_second = now + 1s;
  boost::system::error_code ignored;
  parts.signals.add(SIGINT, ignored);
  parts.signals.add(SIGTERM, ignored);
  parts.signals.async_wait([&parts](const boost::system::error_code& error, int) {
    if (!error) parts.io.stop();
  });
  parts.end_rules(WallTime(std::chrono::system_clock::now()));
  parts.arm_timer();
  parts.io.run();
}

void Agent::stop() { parts_->io.stop(); }

// Reverse of start: no more packets, end what is open, take it, flush, stop serving.
void Agent::finish() {
  Parts& parts = *parts_;
  if (!parts.running) return;
  parts.running = false;
  if (parts.tap) parts.tap->detach();
  for (auto& shard : parts.shards) shard->stop();
  for (std::thread& thread : parts.threads) thread.join();
  parts.worker.reset();
  parts.io.restart();
  parts.take_results();
  parts.io.poll();
  parts.results->tick(WallTime(std::chrono::system_clock::now()));
  if (auto flushed = parts.results->flush(); !flushed) {
    spdlog::warn("results: {}", flushed.error().message());
  }
  if (parts.notifier) parts.notifier->stop();
  if (parts.server) parts.server->stop();
}

Progress Agent::progress() {
  Progress progress;
  for (const api::ServiceLedger& ledger : parts_->control->ledgers()) {
    const auto sum = [](const api::Reasons& reasons) {
      return std::accumulate(reasons.begin(), reasons.end(), std::uint64_t{0},
                             [](std::uint64_t n, const auto& reason) { return n + reason.second; });
    };
    progress.seen += ledger.captured;
    progress.sent += ledger.captured - sum(ledger.skipped) - sum(ledger.refused);
    progress.compared += ledger.compared;
    progress.lost += sum(ledger.refused) + sum(ledger.not_comparable);
  }
  for (const auto& [reason, n] : parts_->control->capture().lost) progress.lost += n;
  for (const results::EndpointRow& row : parts_->results->endpoints("", "", 1000).rows) {
    for (const char* outcome : {"mismatch", "error"}) {
      const auto found = row.outcomes.find(outcome);
      if (found != row.outcomes.end()) progress.mismatching += found->second;
    }
  }
  progress.cpu_cores = parts_->cpu.since_last();
  return progress;
}

api::Report Agent::report() const { return api::take_report(parts_->backend(), ""); }

results::Results& Agent::results() { return *parts_->results; }

const config::Config& Agent::config() const { return parts_->config; }

std::vector<std::string> Agent::interfaces() const {
  std::set<std::string> names;
  if (!parts_->tap) return {};
  for (const capture::AttachedAt& at : parts_->tap->attachments()) names.insert(at.interface);
  return {names.begin(), names.end()};
}

std::string Agent::api_address() const { return parts_->server ? parts_->server->address() : ""; }

}  // namespace shadowtap
