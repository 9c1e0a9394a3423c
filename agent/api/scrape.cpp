#include "agent/api/scrape.h"

namespace shadowtap::api {
namespace {

void append(std::vector<metrics::ReasonCount>& out, const std::string& service,
            const Reasons& reasons) {
  for (const auto& [reason, n] : reasons) out.push_back({service, reason, n});
}

metrics::TargetCount target_count(const std::string& service, const shadow::TargetStatus& t) {
  metrics::TargetCount count{service, shadow::to_string(t.role),
                             t.state == shadow::TargetState::kUp, {}};
  count.results.emplace_back("answered", t.answered);
  for (std::size_t i = 1; i < std::size(t.errors); ++i) {  // 0 is kNone
    count.results.emplace_back(http::to_string(static_cast<http::AnswerError>(i)), t.errors[i]);
  }
  for (std::size_t i = 0; i < std::size(t.refused); ++i) {
    count.results.emplace_back(http::to_string(static_cast<http::Refused>(i)), t.refused[i]);
  }
  return count;
}

void append(metrics::Snapshot& out, const results::RouteMetrics& route, const char* source,
            const results::RouteMetrics::Times& times) {
  if (times.counts.empty()) return;
  out.responses.push_back({route.service, route.route, source, results::response_bounds(),
                           times.counts, times.sum_seconds});
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
    snapshot.services.push_back({ledger.name, ledger.captured, ledger.in_flight, false,
                                 backend.results.verdict(ledger.name, {}, {}).verdict});
    append(snapshot.skipped, ledger.name, ledger.skipped);
    append(snapshot.refused, ledger.name, ledger.refused);
    append(snapshot.shadow_errors, ledger.name, ledger.shadow_error);
    append(snapshot.not_comparable, ledger.name, ledger.not_comparable);
  }
  for (const ServiceStatus& service : backend.control.services()) {
    for (const shadow::TargetStatus& target : service.targets) {
      snapshot.targets.push_back(target_count(service.name, target));
    }
    for (metrics::ServiceExchanges& row : snapshot.services) {
      if (row.service == service.name) row.paused = service.paused;
    }
  }
  return snapshot;
}

}  // namespace shadowtap::api
