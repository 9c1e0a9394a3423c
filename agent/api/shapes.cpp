#include "agent/api/shapes.h"

namespace shadowtap::api {
namespace {

json::object latency_json(const results::Latency& latency) {
  return {{"p50", shown(latency.p50)}, {"p90", shown(latency.p90)}, {"p99", shown(latency.p99)}};
}

json::object message_json(const results::ShownMessage& message, bool is_response) {
  json::object out;
  if (is_response) out["status"] = message.status;
  json::array headers;
  for (const auto& [name, value] : message.headers) {
    headers.push_back(json::array{shown(name), shown(value)});
  }
  out["headers"] = std::move(headers);
  out["body"] = shown(message.body);
  out["body_encoding"] = message.body_is_text ? "text" : "base64";
  out["body_size"] = message.body_size;
  return out;
}

json::value message_json(const std::optional<results::ShownMessage>& message) {
  if (!message) return nullptr;
  return message_json(*message, true);
}

json::value milliseconds(Duration duration) {
  return shown(std::chrono::duration<double, std::milli>(duration).count());
}

}  // namespace

json::object to_json(const ServiceLedger& ledger) {
  json::object out;
  out["name"] = shown(ledger.name);
  out["captured"] = ledger.captured;
  out["compared"] = ledger.compared;
  out["skipped"] = shown(ledger.skipped);
  out["refused"] = shown(ledger.refused);
  out["shadow_error"] = shown(ledger.shadow_error);
  out["not_comparable"] = shown(ledger.not_comparable);
  out["in_flight"] = ledger.in_flight;
  if (!ledger.repeats.empty()) out["repeats"] = shown(ledger.repeats);
  return out;
}

json::object to_json(const results::VerdictAnswer& answer) {
  json::object out;
  out["verdict"] = shown(answer.verdict);
  json::array reasons;
  for (const std::string& reason : answer.reasons) reasons.push_back(shown(reason));
  out["reasons"] = std::move(reasons);
  json::array needs;
  for (const results::VerdictNeed& need : answer.needs) {
    needs.push_back(json::object{
        {"route", shown(need.route)},
        {"comparisons", need.comparisons},
        {"eta_seconds", need.eta_seconds ? shown(*need.eta_seconds) : json::value(nullptr)}});
  }
  out["needs"] = std::move(needs);
  out["compared"] = answer.compared;
  out["alpha"] = shown(answer.alpha);
  out["since"] = to_rfc3339(answer.since);
  return out;
}

json::object to_json(const results::EndpointRow& row) {
  json::object out;
  out["id"] = shown(row.id);
  out["service"] = shown(row.service);
  out["method"] = shown(row.method);
  out["route"] = shown(row.route);
  out["exchanges"] = row.exchanges;
  out["compared"] = row.compared;
  out["outcomes"] = shown(row.outcomes);
  out["mismatch_ratio"] = shown(row.mismatch_ratio);
  out["latency_ms"] = json::object{{"original", latency_json(row.original)},
                                   {"candidate", latency_json(row.candidate)}};
  return out;
}

json::object to_json(const results::DiffRow& row) {
  json::object out;
  out["id"] = shown(row.id);
  out["time"] = to_rfc3339(row.time);
  out["service"] = shown(row.service);
  out["method"] = shown(row.method);
  out["uri"] = shown(row.uri);
  out["route"] = shown(row.route);
  out["outcome"] = shown(row.outcome);
  json::array differences;
  for (const results::ShownDifference& d : row.differences) {
    differences.push_back(json::object{{"path", shown(d.path)},
                                       {"kind", shown(d.kind)},
                                       {"original", shown(d.original)},
                                       {"candidate", shown(d.candidate)}});
  }
  out["differences"] = std::move(differences);
  return out;
}

json::object to_json(const results::DiffDetail& detail) {
  json::object out = to_json(detail.row);
  out["request"] = message_json(detail.request, false);
  out["original"] = message_json(detail.original);
  out["candidate"] = message_json(detail.candidate);
  out["secondary"] = message_json(detail.secondary);
  json::object timings;
  for (const auto& [name, ms] : detail.timings_ms) timings[shown(name + "_ms")] = shown(ms);
  out["timings"] = std::move(timings);
  if (detail.error.empty()) {
    out["error"] = nullptr;
  } else {
    out["error"] = shown(detail.error);
  }
  return out;
}

namespace {

// Those that were seen, by name.
template <class Reason, std::size_t N>
json::object counted(const std::uint64_t (&counts)[N]) {
  json::object out;
  for (std::size_t i = 0; i < N; ++i) {
    if (counts[i] > 0) out[to_string(static_cast<Reason>(i))] = counts[i];
  }
  return out;
}

}  // namespace

json::object to_json(const shadow::TargetStatus& target) {
  json::object out;
  out["role"] = shadow::to_string(target.role);
  out["name"] = shown(target.name);
  out["url"] = shown(target.url);
  out["state"] = shadow::to_string(target.state);
  out["since"] = to_rfc3339(target.since);
  if (target.next_probe) out["next_probe"] = to_rfc3339(*target.next_probe);
  if (target.insecure) out["insecure"] = true;
  out["answered"] = target.answered;
  out["queued"] = target.queued;
  out["in_flight"] = target.in_flight;
  out["connections_opened"] = target.connections_opened;
  out["retried"] = target.retried;
  out["order_waits_cut"] = target.order_waits_cut;
  out["withdrawn"] = target.withdrawn;
  out["unmarked_sockets"] = target.mark_failures;
  out["own_address"] = target.own_address;
  out["errors"] = counted<http::AnswerError>(target.errors);
  out["refused"] = counted<http::Refused>(target.refused);
  if (target.expires) out["expires"] = to_rfc3339(*target.expires);
  if (target.send_delay.count() > 0) {
    out["send_delay_ms"] = json::object{{"p50", milliseconds(target.send_delay.quantile(0.5))},
                                        {"p99", milliseconds(target.send_delay.quantile(0.99))}};
  }
  return out;
}

json::object to_json(const shadow::MiddlewareStatus& middleware) {
  return {{"running", middleware.running},
          {"starts", middleware.starts},
          {"dropped", middleware.dropped},
          {"refused_changes", middleware.refused_changes},
          {"untold", middleware.untold}};
}

json::object coverage_json(const Control& control) {
  json::array services;
  json::object unreported;
  for (const ServiceLedger& ledger : control.ledgers()) {
    services.push_back(to_json(ledger));
    unreported[shown(ledger.name)] = total(ledger.unreported);
  }
  const CaptureLedger capture = control.capture();
  json::object out;
  out["services"] = std::move(services);
  out["capture"] = json::object{{"matched", capture.matched},
                                {"delivered", capture.delivered},
                                {"lost", shown(capture.lost)},
                                {"connections", shown(capture.connections)}};
  out["unreported"] = std::move(unreported);
  return out;
}

}  // namespace shadowtap::api
