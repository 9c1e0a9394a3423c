#include "agent/shard.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "agent/compare_worker.h"

namespace shadowtap {
namespace {

using namespace std::chrono_literals;

constexpr Duration kWakeResults = 10ms;  // not more often: a thread's wake-up for each is dear

std::size_t bytes_of(const results::Comparison& comparison) {
  std::size_t bytes = sizeof comparison + comparison.exchange.request.held_bytes();
  if (comparison.exchange.original) bytes += comparison.exchange.original->held_bytes();
  if (comparison.candidate) bytes += comparison.candidate->response.held_bytes();
  if (comparison.secondary) bytes += comparison.secondary->response.held_bytes();
  return bytes;
}

http::NotComparable reason_of(http::OriginalLoss loss) {
  switch (loss) {
    case http::OriginalLoss::kLost: return http::NotComparable::kOriginalLost;
    case http::OriginalLoss::kAborted: return http::NotComparable::kOriginalAborted;
    case http::OriginalLoss::kTimeout: break;
  }
  return http::NotComparable::kOriginalTimeout;
}

}  // namespace

Shard::Shard(ShardOptions options, net::SegmentSource& source, CompareWorker* worker,
             std::function<void()> wake_results)
    : options_(std::move(options)),
      source_(source),
      worker_(worker),
      wake_results_(std::move(wake_results)),
      output_(options_.hand_over),
      assembly_(options_.assembly, *this,
                [this](const net::FlowVerdict& verdict) { source_.skip(verdict); }) {
  if (source_.descriptor() >= 0) watch_.emplace(io_, source_.descriptor());
}

Shard::~Shard() {
  if (watch_) watch_->release();  // the source's own
}

void Shard::add_service(std::unique_ptr<shadow::Dispatcher> dispatcher,
                        std::shared_ptr<const CompareRules> rules) {
  auto service = std::make_unique<Service>();
  service->options = options_.services[services_.size()];
  service->dispatcher = std::move(dispatcher);
  service->rules = std::move(rules);
  services_.push_back(std::move(service));
}

shadow::Dispatcher& Shard::dispatcher(std::size_t service) {
  return *services_[service]->dispatcher;
}

void Shard::set_rules(std::size_t service, std::shared_ptr<const CompareRules> rules) {
  services_[service]->rules = std::move(rules);
}

void Shard::post(std::function<void(Shard&)> work) {
  boost::asio::post(io_, [this, work = std::move(work)] { work(*this); });
}

void Shard::stop() {
  stopping_.store(true);
  boost::asio::post(io_, [] {});  // ends a sleep
}

void Shard::opened(http::Exchange exchange) {
  Service& service = *services_[exchange.service];
  service.ledger.captured.add();
  const std::size_t held = table_.held_bytes() + handed_over_.load(std::memory_order_relaxed);
  OpenExchange& open = table_.open(std::move(exchange), now_, service.options.original_timeout);
  if (held > options_.max_exchange_bytes) {
    open.ending = http::Refused::kMemory;
  } else if (open.exchange.request.headers.find("X-Shadowtap")) {
    open.ending = http::Skipped::kOwnTraffic;
  } else {
    send(open);
  }
  if (!open.ending) return;
  count(service.ledger, *open.ending);
  open.exchange.request.body.bytes.clear();
}

void Shard::send(OpenExchange& open) {
  const shadow::Submitted submitted =
      services_[open.exchange.service]->dispatcher->submit(open.exchange);
  open.candidate.used = submitted.candidate;
  open.secondary.used = submitted.secondary;
  open.mirrors_pending = submitted.mirrors;
  if (submitted.skipped) {
    open.ending = *submitted.skipped;
  } else if (submitted.refused) {
    open.ending = *submitted.refused;
  } else if (!submitted.candidate) {
    open.ending = http::Skipped::kNoCandidate;
  }
}

void Shard::completed(http::ExchangeId id, http::Response original, Time first_byte,
                      Time last_byte) {
  OpenExchange* open = table_.find(id);
  if (open == nullptr || open->original_over) return;
  table_.charge(*open, original.held_bytes());
  open->exchange.response_first = first_byte;
  open->exchange.response_last = last_byte;
  open->exchange.original = std::move(original);
  original_over(*open);
}

void Shard::lost(http::ExchangeId id, http::OriginalLoss loss, const char*) {
  OpenExchange* open = table_.find(id);
  if (open == nullptr || open->original_over) return;
  open->original_loss = loss;
  original_over(*open);
}

// A request that was cut is refused as body_too_large.
bool Shard::needs_rest_of_request() { return false; }

// Answers beyond the kept limit are compared by their hash; what ended already never is.
bool Shard::needs_rest_of_original(http::ExchangeId id) {
  const OpenExchange* const open = table_.find(id);
  return open != nullptr && !open->ending;
}

void Shard::original_over(OpenExchange& open) {
  open.original_over = true;
  const http::Exchange& exchange = open.exchange;
  const http::ExchangeId id = exchange.id;
  shadow::Dispatcher& dispatcher = *services_[exchange.service]->dispatcher;
  if (exchange.original) {
    dispatcher.observe(exchange.response_first - exchange.request_last,
                       exchange.original->status, now_);
  }
  dispatcher.original_ended(exchange, exchange.original.has_value());
  if (OpenExchange* still = table_.find(id)) settle(*still);  // answers may come within the call
}

void Shard::answered(http::ExchangeId id, shadow::Role role, shadow::TargetOutcome outcome) {
  OpenExchange* open = table_.find(id);
  if (open == nullptr) return;
  if (role == shadow::Role::kMirror) {
    --open->mirrors_pending;
  } else {
    if (const auto* answer = std::get_if<http::Answer>(&outcome)) {
      table_.charge(*open, answer->response.held_bytes());
    }
    Slot& slot = role == shadow::Role::kCandidate ? open->candidate : open->secondary;
    slot.outcome = std::move(outcome);
  }
  settle(*open);
}

// Ends the exchange as soon as nothing more can change its ending, and forgets it when
// no send needs it any longer.
void Shard::settle(OpenExchange& open) {
  if (open.resent) return settle_resend(open);
  Service& service = *services_[open.exchange.service];
  if (!open.reported && open.original_over) {
    if (!open.ending && open.original_loss) {
      open.ending = reason_of(*open.original_loss);
      count(service.ledger, *open.ending);
    }
    if (open.ending) {
      open.reported = true;
      report(without_comparison(take_exchange(open), *open.ending, options_.to_wall));
    } else if (!open.candidate.pending() && !open.secondary.pending()) {
      open.reported = true;
      compare(open);
    }
  }
  if (open.reported && !open.sends_pending()) table_.erase(open.exchange.id);
}

// What the candidate's slot says without any comparison, if it says so.
std::optional<results::Ending> Shard::ending_of(Slot& slot) {
  if (const auto* refused = std::get_if<http::Refused>(&*slot.outcome)) return *refused;
  if (const auto* reason = std::get_if<http::NotComparable>(&*slot.outcome)) return *reason;
  if (const auto* skipped = std::get_if<http::Skipped>(&*slot.outcome)) return *skipped;
  if (slot.answer()->ok()) return std::nullopt;
  return results::ShadowError{slot.answer()->error};
}

CompareJob Shard::job_of(OpenExchange& open) {
  const Service& service = *services_[open.exchange.service];
  CompareJob job;
  job.exchange = take_exchange(open);
  job.candidate = std::move(*open.candidate.answer());
  if (http::Answer* answer = open.secondary.answer()) job.secondary = std::move(*answer);
  job.secondary_asked = open.secondary.used;
  job.to_wall = options_.to_wall;
  job.max_skew = service.options.max_skew;
  job.keep_bodies = service.options.keep_bodies;
  job.cluster_header = service.options.cluster_header;
  return job;
}

void Shard::compare(OpenExchange& open) {
  Service& service = *services_[open.exchange.service];
  if (const auto ending = ending_of(open.candidate)) {
    count(service.ledger, *ending);
    const auto* error = std::get_if<results::ShadowError>(&*ending);
    report(error != nullptr ? without_answer(job_of(open), *error)
                            : without_comparison(take_exchange(open), *ending, options_.to_wall));
    return;
  }
  CompareJob job = job_of(open);
  if (worker_ == nullptr || job.body_bytes() <= options_.inline_compare_bytes) {
    results::Comparison comparison = compare_exchange(std::move(job), *service.rules);
    count(service.ledger, comparison);
    report(std::move(comparison));
    return;
  }
  const auto done = [this, &ledger = service.ledger](results::Comparison comparison) {
    auto shared = std::make_shared<results::Comparison>(std::move(comparison));
    boost::asio::post(io_, [this, &ledger, shared] {
      --comparing_;
      count(ledger, *shared);
      report(std::move(*shared));
    });
  };
  if (worker_->submit(job, service.rules, done)) {
    ++comparing_;
    return;
  }
  const results::Ending ending = http::Refused::kMemory;
  count(service.ledger, ending);
  report(without_comparison(std::move(job.exchange), ending, options_.to_wall));
}

// A send still reads the request: then results gets a copy.
http::Exchange Shard::take_exchange(OpenExchange& open) {
  if (open.sends_pending()) return open.exchange;
  const http::ExchangeId id = open.exchange.id;
  const std::uint16_t service = open.exchange.service;
  http::Exchange taken = std::move(open.exchange);
  open.exchange.id = id;
  open.exchange.service = service;
  return taken;
}

void Shard::count(Ledger& ledger, const results::Ending& ending) {
  struct Count {
    Ledger& ledger;
    void operator()(const results::Compared&) const { ledger.compared.add(); }
    void operator()(const results::ShadowError& e) const { ledger.shadow_error.add(e.error); }
    void operator()(http::Skipped reason) const { ledger.skipped.add(reason); }
    void operator()(http::Refused reason) const { ledger.refused.add(reason); }
    void operator()(http::NotComparable reason) const { ledger.not_comparable.add(reason); }
  };
  std::visit(Count{ledger}, ending);
}

void Shard::count(Ledger& ledger, const results::Comparison& comparison) {
  count(ledger, comparison.ending);
  if (const auto control = controlled_by(comparison)) ledger.control.add(*control);
}

void Shard::report(results::Comparison comparison) {
  Ledger& ledger = services_[comparison.exchange.service]->ledger;
  const std::size_t bytes = bytes_of(comparison);
  handed_over_.fetch_add(bytes, std::memory_order_relaxed);
  comparison.held_bytes = bytes;
  comparison.shard = options_.index;
  auto handed = std::make_unique<results::Comparison>(std::move(comparison));
  switch (output_.push(handed)) {
    case HandedOver::kQueued: return;
    case HandedOver::kQueuedWakeUp: results_sleep_ = true; return;
    case HandedOver::kRefused: break;
  }
  handed_over_.fetch_sub(bytes, std::memory_order_relaxed);
  ledger.unreported.add(unreported_as(comparison.ending));
}

void Shard::wake_results_if_due(Time now) {
  if (!results_sleep_ || now < next_wake_) return;
  results_sleep_ = false;
  next_wake_ = now + kWakeResults;
  wake_results_();
}

void Shard::resend(http::Exchange exchange, Resent done) {
  if (!exchange.original) return done(plain_error("the original was not kept"));
  send_again(std::move(exchange), &shadow::Dispatcher::resend, std::move(done));
}

void Shard::repeat(http::Exchange exchange, Resent done) {
  CounterSet<Repeated>& repeats = services_[exchange.service]->ledger.repeats;
  const auto count = [&repeats, done = std::move(done)](Result<results::Comparison> compared) {
    const bool answered = compared && std::holds_alternative<results::Compared>(compared->ending);
    repeats.add(answered ? Repeated::kAnswered : compared ? Repeated::kFailed : Repeated::kNotSent);
    done(std::move(compared));
  };
  send_again(std::move(exchange), &shadow::Dispatcher::repeat, count);
}

void Shard::send_again(http::Exchange exchange, SendAgain way, Resent done) {
  now_ = std::chrono::steady_clock::now();
  // Ids of captured exchanges have the shard's index at the top: this range is free.
  exchange.id = (http::ExchangeId{0xff} << 56) + next_resend_++;
  Service& service = *services_[exchange.service];
  OpenExchange& open = table_.open(std::move(exchange), now_, service.options.original_timeout);
  const shadow::Submitted submitted = ((*service.dispatcher).*way)(open.exchange);
  if (!submitted.candidate) {
    const std::string why = submitted.skipped   ? to_string(*submitted.skipped)
                            : submitted.refused ? to_string(*submitted.refused)
                                                : "no_candidate";
    table_.erase(open.exchange.id);
    return done(plain_error("not sent: " + why));
  }
  open.candidate.used = true;
  open.secondary.used = submitted.secondary;
  open.mirrors_pending = submitted.mirrors;
  open.original_over = true;
  open.resent = std::move(done);
}

void Shard::settle_resend(OpenExchange& open) {
  if (open.sends_pending()) return;
  const auto done = std::move(open.resent);
  const std::optional<results::Ending> ending = ending_of(open.candidate);
  const http::ExchangeId id = open.exchange.id;
  if (ending) {
    const auto* error = std::get_if<results::ShadowError>(&*ending);
    done(error != nullptr ? without_answer(job_of(open), *error)
                          : without_comparison(take_exchange(open), *ending, options_.to_wall));
  } else {
    CompareJob job = job_of(open);
    job.keep_bodies = true;
    done(compare_exchange(std::move(job), *services_[open.exchange.service]->rules));
  }
  table_.erase(id);
}

// The agent stops before this exchange is over.
void Shard::end(OpenExchange& open) {
  if (open.reported) return;
  if (open.resent) return std::exchange(open.resent, {})(plain_error("the agent is stopping"));
  if (!open.ending) {
    open.ending = http::NotComparable::kShuttingDown;
    count(services_[open.exchange.service]->ledger, *open.ending);
  }
  open.reported = true;
  report(without_comparison(take_exchange(open), *open.ending, options_.to_wall));
}

}  // namespace shadowtap
