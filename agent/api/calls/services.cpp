#include "agent/api/calls/calls.h"
#include "agent/api/problem.h"
#include "agent/base/text.h"

namespace shadowtap::api {

bool is_service(const Backend& backend, const std::string& name) {
  for (const ServiceStatus& service : backend.control.services()) {
    if (service.name == name) return true;
  }
  return false;
}

std::optional<Response> unknown_service(const Backend& backend, const std::string& name) {
  if (name.empty() || is_service(backend, name)) return std::nullopt;
  const std::vector<ServiceStatus> services = backend.control.services();
  std::vector<std::string_view> names;
  for (const ServiceStatus& service : services) names.push_back(service.name);
  std::string detail = "no such service: '" + name.substr(0, 200) + "'";
  if (const auto meant = nearest(name, names)) {
    detail += "; did you mean '" + std::string(*meant) + "'?";
  }
  return problem(404, detail);
}

Router make_router(const Backend& backend) {
  Router router;
  add_health_calls(router, backend);
  add_status_calls(router, backend);
  add_results_calls(router, backend);
  add_verdict_calls(router, backend);
  add_pause_calls(router, backend);
  add_report_call(router, backend);
  add_edit_calls(router, backend);
  add_replay_call(router, backend);
  add_event_call(router, backend);
  add_page(router);
  return router;
}

Router make_metrics_router(const Backend& backend) {
  Router router;
  add_health_calls(router, backend);
  return router;
}

}  // namespace shadowtap::api
