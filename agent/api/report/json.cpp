// The report for programs.
#include "agent/api/report/words.h"
#include "agent/api/shapes.h"

namespace shadowtap::api {
namespace {

json::object to_json(const results::Finding& f) {
  json::object out;
  out["status"] = shown(f.status);
  out["method"] = shown(f.method);
  out["route"] = shown(f.route);
  out["path"] = shown(f.path);
  out["kind"] = shown(f.kind);
  out["differing"] = f.differing;
  out["compared"] = f.compared;
  out["original"] = shown(f.example_original);
  out["candidate"] = shown(f.example_candidate);
  out["explain"] = shown(f.explain);
  return out;
}

json::object to_json(const ServiceReport& service) {
  json::array findings, endpoints;
  for (const results::Finding& finding : service.findings) findings.push_back(to_json(finding));
  for (const auto& endpoint : service.endpoints) endpoints.push_back(api::to_json(endpoint));
  json::object out;
  out["name"] = shown(service.name);
  out["verdict"] = api::to_json(service.verdict);
  out["findings"] = std::move(findings);
  out["endpoints"] = std::move(endpoints);
  out["coverage"] = api::to_json(service.ledger);
  return out;
}

}  // namespace

std::string render_json(const Report& report) {
  json::array services;
  for (const ServiceReport& service : report.services) services.push_back(to_json(service));
  json::object out;
  out["schema"] = 1;
  out["version"] = report.version;
  out["time"] = to_rfc3339(report.time);
  out["services"] = std::move(services);
  return to_text(out) + "\n";
}

}  // namespace shadowtap::api
