// Sends a kept request again.
#include "agent/api/calls/calls.h"
#include "agent/api/problem.h"
#include "agent/api/query.h"
#include "agent/api/shapes.h"

namespace shadowtap::api {
namespace {

Response replayed(const Result<results::DiffDetail>& result) {
  if (!result) return problem(409, result.error().message(), "not_sent");
  return json_response(to_json(*result));
}

Response replay(const Backend& backend, const Request& request) {
  if (auto wrong = Query(request).problem()) return *wrong;
  auto exchange = backend.results.resend_request(request.parameters[0]);
  if (!exchange) return problem(409, exchange.error().message(), "credentials_not_kept");
  if (!*exchange) return problem(404, "no such diff: never kept, or aged out");
  Response response;
  response.later = [backend, kept = std::move(**exchange)](std::function<void(Response)> take) {
    backend.control.replay(kept, [take = std::move(take)](Result<results::DiffDetail> result) {
      take(replayed(result));
    });
  };
  return response;
}

}  // namespace

void add_replay_call(Router& router, const Backend& backend) {
  router.add("POST", "/api/v1/diffs/{id}/replay",
             [backend](const Request& r) { return replay(backend, r); });
}

}  // namespace shadowtap::api
