#include "agent/api/shapes.h"

namespace shadowtap::api {
namespace {

json::object latency_json(const results::Latency& latency) {
  return {{"p50", shown(latency.p50)}, {"p90", shown(latency.p90)}, {"p99", shown(latency.p99)}};
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

}  // namespace shadowtap::api
