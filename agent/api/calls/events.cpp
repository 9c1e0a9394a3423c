#include "agent/api/events.h"

#include <memory>

#include "agent/api/calls/calls.h"
#include "agent/api/query.h"

namespace shadowtap::api {
namespace {

Response events(const Backend& backend, const Request& request) {
  Query query(request);
  const std::string service = query.text("service");
  if (auto problem = query.problem()) return *problem;
  if (auto problem = unknown_service(backend, service)) return *problem;
  Response response{200, "text/event-stream", "", {{"Cache-Control", "no-store"}}};
  // Shared because a std::function must be copyable.
  response.events = [feed = std::make_shared<EventFeed>(backend, service)] { return feed->next(); };
  return response;
}

}  // namespace

void add_event_call(Router& router, const Backend& backend) {
  router.add("GET", "/api/v1/events",
             [backend](const Request& r) { return events(backend, r); });
}

}  // namespace shadowtap::api
