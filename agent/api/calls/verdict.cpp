// The verdict as JSON, and as a status code for rollout controllers.
#include <algorithm>

#include "agent/api/calls/calls.h"
#include "agent/api/json.h"
#include "agent/api/problem.h"
#include "agent/api/query.h"
#include "agent/api/shapes.h"

namespace shadowtap::api {
namespace {

struct Asked {
  std::string service;
  std::optional<std::uint64_t> min_compared;
  std::optional<double> max_mismatch_ratio;
};

Asked asked(Query& query) {
  return {query.text("service"), query.count("min_compared", 0, 1'000'000'000),
          query.ratio("max_mismatch_ratio")};
}

int badness(const std::string& verdict) {
  return verdict == "fail" ? 2 : verdict == "pass" ? 0 : 1;
}

void merge(results::VerdictAnswer& all, const std::string& service, results::VerdictAnswer one) {
  if (badness(one.verdict) > badness(all.verdict)) all.verdict = one.verdict;
  for (std::string& reason : one.reasons) all.reasons.push_back(service + ": " + reason);
  for (results::VerdictNeed& need : one.needs) all.needs.push_back(std::move(need));
  all.compared += one.compared;
  all.alpha = std::max(all.alpha, one.alpha);
  all.since = std::min(all.since, one.since);
}

// Without a name: of the only service, or the worst of all.
results::VerdictAnswer verdict_of(const Backend& backend, const Asked& asked) {
  const auto one = [&](const std::string& name) {
    return backend.results.verdict(name, asked.min_compared, asked.max_mismatch_ratio);
  };
  if (!asked.service.empty()) return one(asked.service);
  const std::vector<ServiceStatus> services = backend.control.services();
  if (services.size() == 1) return one(services.front().name);
  results::VerdictAnswer all;
  all.verdict = services.empty() ? "inconclusive" : "pass";
  all.since = backend.now();
  for (const ServiceStatus& service : services) merge(all, service.name, one(service.name));
  return all;
}

unsigned status_of(const std::string& verdict) {
  return verdict == "pass" ? 200 : verdict == "fail" ? 412 : 425;
}

enum class Shape { kDocument, kStatusCode };

Response answer(const Backend& backend, const Request& request, Shape shape) {
  Query query(request);
  const Asked what = asked(query);
  if (auto problem = query.problem()) return *problem;
  if (auto problem = unknown_service(backend, what.service)) return *problem;
  const results::VerdictAnswer verdict = verdict_of(backend, what);
  return json_response(to_json(verdict),
                       shape == Shape::kStatusCode ? status_of(verdict.verdict) : 200);
}

// Flagger posts {"name", "namespace", "phase", "metadata": {string: string}}: where the
// query does not say, its metadata may name service, min_compared, max_mismatch_ratio.
void add_metadata(Request& request) {
  boost::system::error_code error;
  const json::value body = json::parse(request.body, error);
  if (error || !body.is_object()) return;
  const json::value* metadata = body.get_object().if_contains("metadata");
  if (!metadata || !metadata->is_object()) return;
  for (const char* name : {"service", "min_compared", "max_mismatch_ratio"}) {
    const json::value* value = metadata->get_object().if_contains(name);
    if (!value || !value->is_string()) continue;
    bool in_query = false;
    for (const auto& pair : request.query) in_query = in_query || pair.first == name;
    if (!in_query) request.query.emplace_back(name, std::string(value->get_string()));
  }
}

}  // namespace

void add_verdict_calls(Router& router, const Backend& backend) {
  router.add("GET", "/api/v1/verdict",
             [backend](const Request& r) { return answer(backend, r, Shape::kDocument); });
  router.add("POST", "/api/v1/gate", [backend](Request r) {
    add_metadata(r);
    return answer(backend, r, Shape::kStatusCode);
  });
}

}  // namespace shadowtap::api
