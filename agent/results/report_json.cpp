#include <boost/json.hpp>

#include "agent/results/report_text.h"
#include "agent/results/sample_of.h"

namespace shadowtap::results {
namespace {

namespace json = boost::json;

json::object object_of(const Latency& l) {
  return {{"p50", l.p50}, {"p90", l.p90}, {"p99", l.p99}};
}

json::object object_of(const VerdictAnswer& answer) {
  json::array reasons, needs;
  for (const std::string& one : answer.reasons) reasons.emplace_back(one);
  for (const VerdictNeed& one : answer.needs) {
    json::value eta = nullptr;
    if (one.eta_seconds) eta = *one.eta_seconds;
    needs.push_back(json::object{{"route", one.route}, {"comparisons", one.comparisons}, {"eta_seconds", eta}});
  }
  return {{"verdict", answer.verdict}, {"reasons", std::move(reasons)}, {"needs", std::move(needs)},
          {"compared", answer.compared}, {"alpha", answer.alpha}, {"since", to_text(answer.since)}};
}

json::object object_of(const Finding& f) {
  return {{"service", f.service}, {"method", f.method}, {"route", f.route}, {"path", f.path},
          {"kind", f.kind}, {"status", f.status}, {"differing", f.differing}, {"compared", f.compared},
          {"original", f.example_original}, {"candidate", f.example_candidate}, {"explain", f.explain}};
}

json::object object_of(const EndpointRow& row) {
  json::object outcomes;
  for (const auto& [outcome, n] : row.outcomes) outcomes[outcome] = n;
  return {{"id", row.id}, {"service", row.service}, {"method", row.method}, {"route", row.route},
          {"exchanges", row.exchanges}, {"compared", row.compared}, {"outcomes", std::move(outcomes)},
          {"mismatch_ratio", row.mismatch_ratio},
          {"latency_ms", json::object{{"original", object_of(row.original)},
                                      {"candidate", object_of(row.candidate)}}}};
}

}  // namespace

std::string render_json(const ReportInput& input) {
  json::array findings, endpoints;
  for (const Finding& f : input.findings) findings.push_back(object_of(f));
  for (const EndpointRow& row : input.endpoints) endpoints.push_back(object_of(row));
  const json::object all{{"schema", 1},
                         {"service", input.service},
                         {"generated", to_text(input.generated)},
                         {"verdict", object_of(input.verdict)},
                         {"findings", std::move(findings)},
                         {"endpoints", std::move(endpoints)}};
  return json::serialize(all) + "\n";
}

}  // namespace shadowtap::results
