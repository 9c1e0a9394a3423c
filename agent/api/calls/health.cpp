// Liveness, readiness and the Prometheus page.
#include "agent/api/calls/calls.h"
#include "agent/api/json.h"
#include "agent/api/scrape.h"

namespace shadowtap::api {
namespace {

Response healthz(const Request&) { return json_response(json::object{{"status", "ok"}}); }

// A store that cannot write is a state worth seeing, not a reason to be restarted:
// shadowing goes on, so the answer stays 200.
Response readyz(const Backend& backend) {
  std::string why_not;
  const bool ready = backend.control.ready(why_not);
  const results::ResultsHealth health = backend.results.health();
  json::array reasons;
  if (!ready) reasons.push_back(shown(why_not));
  if (!health.ok) reasons.push_back(shown(health.why_not));
  json::object body;
  body["ready"] = ready;
  body["state"] = !ready ? "not_ready" : health.ok ? "ready" : "degraded";
  body["reasons"] = std::move(reasons);
  return json_response(body, ready ? 200 : 503);
}

Response scrape(const Backend& backend) {
  return {200, "text/plain; version=0.0.4; charset=utf-8",
          metrics::to_text(take_snapshot(backend)), {}};
}

}  // namespace

void add_health_calls(Router& router, const Backend& backend) {
  router.add("GET", "/healthz", healthz);
  router.add("GET", "/readyz", [backend](const Request&) { return readyz(backend); });
  router.add("GET", "/metrics", [backend](const Request&) { return scrape(backend); });
}

}  // namespace shadowtap::api
