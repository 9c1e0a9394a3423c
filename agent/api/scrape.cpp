#include "agent/api/scrape.h"

namespace shadowtap::api {
namespace {

// A row for each reason there is, also at 0: a sum in PromQL is empty when one of its terms
// is, and a counter that begins at 1 hides its first increase.
template <class E>
void append(std::vector<metrics::ReasonCount>& out, const std::string& service,
            const Reasons& reasons, std::size_t first = 0) {
  for (std::size_t i = first; i < static_cast<std::size_t>(E::kCount_); ++i) {
    out.push_back({service, to_string(static_cast<E>(i)), 0});
  }
  for (const auto& [reason, n] : reasons) out.push_back({service, reason, n});
}

bool is_compared(std::string_view outcome) {
  return outcome == "match" || outcome == "noise" || outcome == "ignored" || outcome == "mismatch";
}

// Where a comparison has no route of its own: what results never heard of, and the zeros.
constexpr const char* kOther = "other";

void append_comparisons(metrics::Snapshot& out, const ServiceLedger& ledger) {
  for (const char* outcome : {"match", "noise", "ignored", "mismatch", "error"}) {
    out.comparisons.push_back({ledger.name, kOther, outcome, 0});
  }
  for (const auto& [outcome, n] : ledger.unreported) {
    if (outcome != "error" && !is_compared(outcome)) continue;
    out.comparisons.push_back({ledger.name, kOther, outcome, n});
  }
}

// What stands in no other row yet: also what is compared, but still on its way to results.
// So the rows of one scrape sum up to `captured`, whatever the threads do meanwhile.
std::uint64_t in_flight(const metrics::Snapshot& snapshot, const ServiceLedger& ledger) {
  std::uint64_t ended = total(ledger.skipped) + total(ledger.refused) +
                        total(ledger.shadow_error) + total(ledger.not_comparable);
  for (const metrics::ComparisonCount& row : snapshot.comparisons) {
    if (row.service == ledger.name && is_compared(row.outcome)) ended += row.n;
  }
  return ledger.captured - ended;
}

void append(metrics::Snapshot& out, const ServiceLedger& ledger, std::string verdict) {
  append_comparisons(out, ledger);
  append<http::Skipped>(out.skipped, ledger.name, ledger.skipped);
  append<http::Refused>(out.refused, ledger.name, ledger.refused);
  append<http::AnswerError>(out.shadow_errors, ledger.name, ledger.shadow_error, 1);  // 0 is kNone
  append<http::NotComparable>(out.not_comparable, ledger.name, ledger.not_comparable);
  for (const auto& [control, n] : ledger.control) out.controls.push_back({ledger.name, control, n});
  out.services.push_back({ledger.name, ledger.captured, in_flight(out, ledger),
                          total(ledger.unreported), false, std::move(verdict)});
}

metrics::Buckets buckets_of(const shadow::LatencyHistogram& delays) {
  metrics::Buckets buckets;
  if (delays.count() == 0) return buckets;
  buckets.upper_bounds = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 1, 10};
  std::uint64_t before = 0;
  for (const double bound : buckets.upper_bounds) {
    const std::uint64_t within = delays.count_within(
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(bound)));
    buckets.counts.push_back(within - std::exchange(before, within));
  }
  buckets.counts.push_back(delays.count() - before);
  buckets.sum_seconds = std::chrono::duration<double>(delays.sum()).count();
  return buckets;
}

metrics::TargetCount target_count(const std::string& service, const shadow::TargetStatus& t) {
  metrics::TargetCount count;
  count.service = service;
  count.role = shadow::to_string(t.role);
  count.up = t.state == shadow::TargetState::kUp;
  count.connections_opened = t.connections_opened;
  count.send_delay = buckets_of(t.send_delay);
  count.results.emplace_back("answered", t.answered);
  count.results.emplace_back("withdrawn", t.withdrawn);
  for (std::size_t i = 1; i < std::size(t.errors); ++i) {  // 0 is kNone
    count.results.emplace_back(http::to_string(static_cast<http::AnswerError>(i)), t.errors[i]);
  }
  for (std::size_t i = 0; i < std::size(t.refused); ++i) {
    count.results.emplace_back(http::to_string(static_cast<http::Refused>(i)), t.refused[i]);
  }
  return count;
}

metrics::MiddlewareCount middleware_count(const std::string& service,
                                          const shadow::MiddlewareStatus& m) {
  return {service,
          m.running,
          m.starts,
          {{"dropped", m.dropped}, {"refused_change", m.refused_changes}},
          m.untold};
}

void append(metrics::Snapshot& out, const results::RouteMetrics& route, const char* source,
            const results::RouteMetrics::Times& times) {
  if (times.counts.empty()) return;
  out.responses.push_back({route.service, route.route, source,
                           {results::response_bounds(), times.counts, times.sum_seconds}});
}

void append(metrics::Snapshot& out, const results::RouteMetrics& route) {
  for (const auto& [outcome, n] : route.outcomes) {
    out.comparisons.push_back({route.service, route.route, outcome, n});
  }
  append(out, route, "original", route.original);
  append(out, route, "candidate", route.candidate);
  append(out, route, "secondary", route.secondary);
}

}  // namespace

metrics::Snapshot take_snapshot(const Backend& backend) {
  metrics::Snapshot snapshot;
  snapshot.version = backend.version;
  snapshot.agent = backend.control.metrics();
  snapshot.ring_fill = backend.control.ring_fill();
  snapshot.process = metrics::read_process();
  for (const results::RouteMetrics& route : backend.results.metrics()) append(snapshot, route);
  for (const ServiceLedger& ledger : backend.control.ledgers()) {
    append(snapshot, ledger, backend.results.verdict(ledger.name, {}, {}).verdict);
  }
  for (const ServiceStatus& service : backend.control.services()) {
    for (const shadow::TargetStatus& target : service.targets) {
      snapshot.targets.push_back(target_count(service.name, target));
    }
    if (service.middleware) {
      snapshot.middleware.push_back(middleware_count(service.name, *service.middleware));
    }
    for (metrics::ServiceExchanges& row : snapshot.services) {
      if (row.service == service.name) row.paused = service.paused;
    }
  }
  return snapshot;
}

}  // namespace shadowtap::api
