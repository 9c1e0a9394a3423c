// The panic button: stops sending, goes on observing.
#include "agent/api/calls/calls.h"
#include "agent/api/json.h"
#include "agent/api/problem.h"
#include "agent/api/query.h"

namespace shadowtap::api {
namespace {

Response set_paused(const Backend& backend, const Request& request, bool paused) {
  Query query(request);
  const std::string service = query.text("service");
  if (auto problem = query.problem()) return *problem;
  if (auto problem = unknown_service(backend, service)) return *problem;
  if (!backend.control.set_paused(service, paused)) return problem(404, "no such service");
  json::array services;
  for (const ServiceStatus& s : backend.control.services()) {
    services.push_back(json::object{{"name", shown(s.name)}, {"paused", s.paused}});
  }
  return json_response(json::object{{"services", std::move(services)}});
}

}  // namespace

void add_pause_calls(Router& router, const Backend& backend) {
  router.add("POST", "/api/v1/pause",
             [backend](const Request& r) { return set_paused(backend, r, true); });
  router.add("POST", "/api/v1/resume",
             [backend](const Request& r) { return set_paused(backend, r, false); });
}

}  // namespace shadowtap::api
