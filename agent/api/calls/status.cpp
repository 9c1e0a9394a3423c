// What runs and what was seen of the traffic: status, coverage, impact.
#include <algorithm>

#include "agent/api/calls/calls.h"
#include "agent/api/json.h"
#include "agent/api/query.h"
#include "agent/api/shapes.h"

namespace shadowtap::api {
namespace {

using Sources = std::vector<SettingSource>;

bool is_within(std::string_view key, std::string_view whole) {
  return key == whole || (key.starts_with(whole) && key[whole.size()] == '.');
}

// Who had the last word about a part of the configuration: what runs is put together from
// the file, the flags over it, and the changes made at run time over both.
std::string source_of(const Sources& sources, const std::string& part) {
  constexpr std::string_view kWords[] = {"default", "file", "flag", "runtime"};
  const auto rank = [&](std::string_view word) { return std::find(std::begin(kWords), std::end(kWords), word); };
  auto last = std::begin(kWords);
  for (const SettingSource& one : sources) {
    if (is_within(one.key, part) || is_within(part, one.key)) last = std::max(last, rank(one.source));
  }
  return std::string(last == std::end(kWords) ? kWords[0] : *last);
}

json::object target_json(const Sources& sources, const std::string& service,
                         const shadow::TargetStatus& target) {
  json::object out = to_json(target);
  const std::string targets = "services." + service + ".targets.";
  const bool mirror = target.role == shadow::Role::kMirror;
  out["source"] = source_of(sources, targets + (mirror ? "mirror:" + target.name : shadow::to_string(target.role)));
  if (mirror && out["source"] == "default") out["source"] = source_of(sources, targets + "mirrors");
  return out;
}

json::object service_json(const ServiceStatus& service, const Sources& sources) {
  json::object out;
  out["name"] = shown(service.name);
  out["ports"] = json::value_from(service.ports);
  json::array attachments;
  for (const Attachment& at : service.attachments) {
    json::object attachment{{"interface", shown(at.interface)},
                            {"direction", at.direction},
                            {"mechanism", at.mechanism}};
    if (!at.hidden_by.empty()) attachment["hidden_by"] = shown(at.hidden_by);
    attachments.push_back(std::move(attachment));
  }
  out["attachments"] = std::move(attachments);
  json::array targets;
  for (const shadow::TargetStatus& target : service.targets) {
    targets.push_back(target_json(sources, service.name, target));
  }
  out["targets"] = std::move(targets);
  const std::string prefix = "services." + service.name;
  out["rules"] = json::object{{"source", source_of(sources, prefix + ".compare")}};
  out["sampling"] = json::object{{"source", source_of(sources, prefix + ".select")}};
  out["paused"] = service.paused;
  out["sending_expired"] = service.sending_expired;
  out["effective_sample"] = shown(service.effective_sample);
  out["order"] = service.order;
  if (service.middleware) out["middleware"] = to_json(*service.middleware);
  return out;
}

Response coverage(const Backend& backend, const Request& request) {
  if (auto problem = Query(request).problem()) return *problem;
  return json_response(coverage_json(backend.control));
}

json::object sources_json(const Sources& sources) {
  json::object out;
  for (const SettingSource& source : sources) out[shown(source.key)] = shown(source.source);
  return out;
}

Response status(const Backend& backend, const Request& request) {
  if (auto problem = Query(request).problem()) return *problem;
  json::object out;
  out["version"] = backend.version;
  out["started"] = to_rfc3339(backend.started);
  const std::chrono::duration<double> uptime = backend.now() - backend.started;
  out["uptime_seconds"] = shown(uptime.count());
  out["shards"] = backend.control.shards();
  const Sources sources = backend.control.sources();
  json::array services;
  for (const ServiceStatus& service : backend.control.services()) {
    services.push_back(service_json(service, sources));
  }
  out["services"] = std::move(services);
  out["coverage"] = coverage_json(backend.control);
  out["sources"] = sources_json(sources);
  json::array pending;
  for (const std::string& key : backend.control.pending_restart()) pending.push_back(shown(key));
  out["pending_restart"] = std::move(pending);
  return json_response(out);
}

json::object pair_json(const char* with, double a, const char* without, double b) {
  return {{with, shown(a)}, {without, shown(b)}};
}

Response impact(const Backend& backend, const Request& request) {
  if (auto problem = Query(request).problem()) return *problem;
  const Impact impact = backend.control.impact();
  const Cost cost = backend.control.cost();
  const ImpactSide& on = impact.with_shadows;
  const ImpactSide& off = impact.without_shadows;
  json::object out;
  out["original_p50_ms"] = pair_json("with", on.p50_ms, "without", off.p50_ms);
  out["original_p99_ms"] = pair_json("with", on.p99_ms, "without", off.p99_ms);
  out["error_share"] = pair_json("with", on.error_share, "without", off.error_share);
  out["exchanges"] = json::object{{"with", on.exchanges}, {"without", off.exchanges}};
  out["interval"] = shown(impact.interval);
  out["verdict"] = shown(impact.verdict);
  json::object costs;
  costs["cpu_cores"] = shown(cost.cpu_cores);
  costs["rss_bytes"] = cost.rss_bytes;
  costs["ring_bytes"] = cost.ring_bytes;
  costs["bpf_ns_per_packet"] =
      cost.bpf_ns_per_packet > 0 ? shown(cost.bpf_ns_per_packet) : json::value(nullptr);
  out["cost"] = std::move(costs);
  return json_response(out);
}

}  // namespace

void add_status_calls(Router& router, const Backend& backend) {
  router.add("GET", "/api/v1/status",
             [backend](const Request& r) { return status(backend, r); });
  router.add("GET", "/api/v1/coverage",
             [backend](const Request& r) { return coverage(backend, r); });
  router.add("GET", "/api/v1/impact",
             [backend](const Request& r) { return impact(backend, r); });
}

}  // namespace shadowtap::api
