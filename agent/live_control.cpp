#include "agent/live_control.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "agent/capture/tap.h"
#include "agent/results/sample_of.h"
#include "agent/shadow/service_health.h"
#include "agent/shard.h"

namespace shadowtap {
namespace {

template <class E>
api::Reasons reasons_of(const std::vector<std::unique_ptr<Shard>>& shards, std::size_t service,
                        CounterSet<E> Ledger::*part) {
  api::Reasons reasons;
  for (std::size_t i = 0; i < static_cast<std::size_t>(E::kCount_); ++i) {
    std::uint64_t sum = 0;
    for (const auto& shard : shards) sum += (shard->ledger(service).*part).value(static_cast<E>(i));
    if (sum > 0) reasons.emplace_back(to_string(static_cast<E>(i)), sum);
  }
  return reasons;
}

// The parts are read before the whole, which only grows: what is missing is in flight.
api::ServiceLedger ledger_of(const std::vector<std::unique_ptr<Shard>>& shards,
                             std::size_t service, const std::string& name) {
  api::ServiceLedger ledger;
  ledger.name = name;
  for (const auto& shard : shards) ledger.compared += shard->ledger(service).compared.value();
  ledger.skipped = reasons_of(shards, service, &Ledger::skipped);
  ledger.refused = reasons_of(shards, service, &Ledger::refused);
  ledger.shadow_error = reasons_of(shards, service, &Ledger::shadow_error);
  ledger.not_comparable = reasons_of(shards, service, &Ledger::not_comparable);
  ledger.repeats = reasons_of(shards, service, &Ledger::repeats);
  ledger.control = reasons_of(shards, service, &Ledger::control);
  ledger.unreported = reasons_of(shards, service, &Ledger::unreported);
  const std::uint64_t ended = ledger.compared + api::total(ledger.skipped) + api::total(ledger.refused) +
                              api::total(ledger.shadow_error) + api::total(ledger.not_comparable);
  for (const auto& shard : shards) ledger.captured += shard->ledger(service).captured.value();
  ledger.in_flight = ledger.captured - ended;
  return ledger;
}

// One target as seen by all shards: the worst state, the sums of the counts.
void add_to(shadow::TargetStatus& sum, const shadow::TargetStatus& one) {
  if (one.state > sum.state) {
    sum.state = one.state;
    sum.since = one.since;
    sum.next_probe = one.next_probe;
  }
  sum.answered += one.answered;
  for (std::size_t i = 0; i < std::size(sum.errors); ++i) sum.errors[i] += one.errors[i];
  for (std::size_t i = 0; i < std::size(sum.refused); ++i) sum.refused[i] += one.refused[i];
  sum.connections_opened += one.connections_opened;
  sum.queued += one.queued;
  sum.in_flight += one.in_flight;
  sum.order_waits_cut += one.order_waits_cut;
  sum.retried += one.retried;
  sum.mark_failures += one.mark_failures;
  sum.withdrawn += one.withdrawn;
  sum.own_address += one.own_address;
  sum.send_delay.add(one.send_delay);
}

void merge(std::vector<shadow::TargetStatus>& all, const std::vector<shadow::TargetStatus>& more) {
  for (const shadow::TargetStatus& one : more) {
    const auto same = std::find_if(all.begin(), all.end(), [&](const auto& known) {
      return known.role == one.role && known.name == one.name;
    });
    if (same == all.end()) {
      all.push_back(one);
    } else {
      add_to(*same, one);
    }
  }
}

// Of all shards: running only where every one runs.
void merge(std::optional<shadow::MiddlewareStatus>& sum,
           const std::optional<shadow::MiddlewareStatus>& one) {
  if (!sum || !one) {
    if (one) sum = one;
    return;
  }
  sum->running = sum->running && one->running;
  sum->starts += one->starts;
  sum->dropped += one->dropped;
  sum->untold += one->untold;
  sum->refused_changes += one->refused_changes;
}

// Of an exchange that results never hear of.
std::string outcome_word(const results::Ending& ending) {
  const Unreported outcome = unreported_as(ending);
  return outcome == Unreported::kNotCompared ? "not_comparable" : to_string(outcome);
}

}  // namespace

LiveControl::LiveControl(config::LiveConfig& config, boost::asio::io_context& io,
                         capture::Tap* tap, std::vector<std::unique_ptr<Shard>>& shards,
                         const std::vector<std::unique_ptr<shadow::ServiceHealth>>& health,
                         std::function<void()> take_results)
    : config_(config),
      io_(io),
      tap_(tap),
      shards_(shards),
      health_(health),
      take_results_(std::move(take_results)),
      redactor_(config.running().redaction),
      snapshots_(shards.size(), std::vector<Snapshot>(config.running().services.size())),
      paused_(config.running().services.size(), false) {
  for (const config::ServiceConfig& service : config.running().services) {
    services_.push_back(service.name);
  }
}

void LiveControl::refresh() {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    shards_[i]->post([this, i, services = services_.size()](Shard& shard) {
      std::vector<Snapshot> fresh(services);
      for (std::size_t s = 0; s < services; ++s) {
        const shadow::Dispatcher& dispatcher = shard.dispatcher(s);
        fresh[s] = {dispatcher.status(), dispatcher.effective_sample(),
                    dispatcher.sending_expired(), dispatcher.middleware()};
      }
      boost::asio::post(io_, [this, i, fresh = std::move(fresh)]() mutable {
        snapshots_[i] = std::move(fresh);
      });
    });
  }
}

bool LiveControl::ready(std::string& why_not) const {
  if (tap_ != nullptr && tap_->attachments().empty()) {
    why_not = "attached to no interface";
    return false;
  }
  return true;
}

std::vector<api::ServiceStatus> LiveControl::services() const {
  std::vector<api::Attachment> attachments;
  if (tap_ != nullptr) {
    for (const capture::AttachedAt& at : tap_->attachments()) {
      attachments.push_back({at.interface, at.direction, at.mechanism, at.hidden_by});
    }
  }
  std::vector<api::ServiceStatus> all;
  for (std::size_t s = 0; s < services_.size(); ++s) {
    api::ServiceStatus status;
    status.name = services_[s];
    status.ports = config_.running().services[s].ports;
    status.attachments = attachments;
    status.paused = paused_[s];
    status.order = shadow::to_string(config_.running().services[s].dispatch.order);
    for (const auto& of_shard : snapshots_) {
      merge(status.targets, of_shard[s].targets);
      merge(status.middleware, of_shard[s].middleware);
      status.sending_expired |= of_shard[s].sending_expired;
      status.effective_sample = of_shard[s].effective_sample;
    }
    all.push_back(std::move(status));
  }
  return all;
}

std::vector<api::ServiceLedger> LiveControl::ledgers() const {
  std::vector<api::ServiceLedger> all;
  for (std::size_t s = 0; s < services_.size(); ++s) {
    all.push_back(ledger_of(shards_, s, services_[s]));
  }
  take_results_();  // whoever saw it counted here finds it there
  return all;
}

api::CaptureLedger LiveControl::capture() const {
  api::CaptureLedger ledger;
  if (tap_ != nullptr) {
    const capture::PacketCounts packets = tap_->packets();
    ledger.matched = packets.matched;
    ledger.delivered = packets.delivered;
    ledger.lost = packets.lost;
  }
  for (const auto& shard : shards_) {
    for (const auto& [reason, n] : connection_counts(shard->assembly())) {
      const auto same = std::find_if(ledger.connections.begin(), ledger.connections.end(),
                                     [&, &reason = reason](const auto& k) { return k.first == reason; });
      if (same == ledger.connections.end()) {
        ledger.connections.emplace_back(reason, n);
      } else {
        same->second += n;
      }
    }
  }
  return ledger;
}

std::vector<double> LiveControl::ring_fill() const {
  std::vector<double> fill;
  for (std::size_t i = 0; tap_ != nullptr && i < shards_.size(); ++i) {
    fill.push_back(tap_->ring(i).fill());
  }
  return fill;
}

// One answer for all services: that of the one which is worst off.
api::Impact LiveControl::impact() const {
  using Verdict = shadow::ImpactReport::Verdict;
  static constexpr auto kBadness = [](Verdict verdict) {
    return verdict == Verdict::kHarm ? 2 : verdict == Verdict::kUnknown ? 1 : 0;
  };
  shadow::ImpactReport worst;
  worst.interval = "a recording has none";
  std::string name;
  for (std::size_t s = 0; s < health_.size(); ++s) {
    shadow::ImpactReport report = health_[s]->impact();
    if (s > 0 && kBadness(report.verdict) <= kBadness(worst.verdict)) continue;
    worst = std::move(report);
    name = services_[s];
  }
  if (health_.size() > 1) worst.interval = name + ": " + worst.interval;
  const auto side = [](const shadow::ImpactSide& from) {
    return api::ImpactSide{from.p50_ms, from.p99_ms, from.error_share, from.exchanges};
  };
  return {side(worst.with_shadows), side(worst.without_shadows), worst.interval,
          shadow::to_string(worst.verdict)};
}

api::Cost LiveControl::cost() const {
  api::Cost cost;
  cost.cpu_cores = cpu_.since_last();
  cost.rss_bytes = process_rss_bytes();
  if (tap_ != nullptr) {
    cost.ring_bytes = tap_->ring_bytes();
    cost.bpf_ns_per_packet = tap_->ns_per_packet();
  }
  return cost;
}

std::vector<std::size_t> LiveControl::chosen(const std::string& service) const {
  std::vector<std::size_t> all;
  for (std::size_t s = 0; s < services_.size(); ++s) {
    if (service.empty() || services_[s] == service) all.push_back(s);
  }
  return all;
}

bool LiveControl::set_paused(const std::string& service, bool paused) {
  const auto services = chosen(service);
  for (const std::size_t s : services) {
    paused_[s] = paused;
    for (auto& shard : shards_) {
      shard->post([s, paused](Shard& on) { on.dispatcher(s).set_paused(paused); });
    }
  }
  return !services.empty();
}

Result<> LiveControl::put_rules(const std::string& service, const diff::Rules& rules) {
  return config_.put_rules(service, rules);
}

Result<> LiveControl::put_select(const std::string& service, const shadow::SelectOptions& select) {
  return config_.put_select(service, select);
}

Result<> LiveControl::put_dispatch(const std::string& service,
                                   const shadow::DispatchOptions& dispatch) {
  return config_.put_dispatch(service, dispatch);
}

Result<> LiveControl::put_target(const std::string& service, const shadow::TargetOptions& target) {
  return config_.put_target(service, target);
}

Result<> LiveControl::remove_target(const std::string& service, shadow::Role role,
                                    const std::string& name) {
  return config_.remove_target(service, role, name);
}

// The scrape's part that only the agent knows.
metrics::FromAgent LiveControl::metrics() const {
  metrics::FromAgent all;
  for (std::size_t s = 0; s < services_.size(); ++s) {
    if (tap_ != nullptr) {
      const capture::PacketCounts packets = tap_->packets(s);
      all.packets.push_back({services_[s], "to_server", packets.to_server});
      all.packets.push_back({services_[s], "to_client", packets.to_client});
      for (const auto& [reason, n] : packets.lost) all.packets_lost.push_back({services_[s], reason, n});
    }
    for (const auto& shard : shards_) {
      all.connections.push_back({services_[s], "open", shard->open_connections(s)});
    }
  }
  all.config_reload_success = config_.last_reread_succeeded();
  return all;
}

std::vector<api::SettingSource> LiveControl::sources() const {
  std::vector<api::SettingSource> all;
  for (const config::Source& one : config_.sources()) all.push_back({one.key, one.source});
  return all;
}

// One shard sends it; what comes back is shown by the same redaction as what is kept.
void LiveControl::replay(http::Exchange exchange, Replayed done) {
  const std::string service = services_.at(exchange.service);
  shards_.front()->post([this, service, exchange = std::move(exchange),
                         done = std::move(done)](Shard& shard) mutable {
    shard.resend(std::move(exchange), [this, service, done = std::move(done)](
                                          Result<results::Comparison> compared) {
      auto shared = std::make_shared<Result<results::Comparison>>(std::move(compared));
      boost::asio::post(io_, [this, service, done, shared] {
        if (!*shared) return done(shared->error());
        results::DiffDetail detail = results::detail_of(**shared, service, redactor_);
        detail.row.outcome = outcome_word((*shared)->ending);
        done(std::move(detail));
      });
    });
  });
}

}  // namespace shadowtap
