// Sends a kept request again.
#include "agent/api/calls/calls.h"
#include "agent/api/problem.h"
#include "agent/api/query.h"
#include "agent/api/shapes.h"

namespace shadowtap::api {
namespace {

// The new comparison is not kept, so it bears the id and the route of the one it repeats.
Response replayed(Result<results::DiffDetail> result, const results::DiffRow& kept) {
  if (!result) return problem(409, result.error().message(), "not_sent");
  result->row.id = kept.id;
  result->row.route = kept.route;
  return json_response(to_json(*result));
}

// Results say it in a word, which is also the problem's code.
Response not_kept(const std::string& word) {
  if (word == "original_not_kept") {
    return problem(409, "the original's response was not kept whole, so there is nothing to compare with", word);
  }
  return problem(409, "what was redacted of this request is no longer in memory (the newest 1,000 "
                      "samples, for 1 h), so it cannot be sent again as it was", "credentials_not_kept");
}

Response replay(const Backend& backend, const Request& request) {
  if (auto wrong = Query(request).problem()) return *wrong;
  auto exchange = backend.results.resend_request(request.parameters[0]);
  if (!exchange) return not_kept(exchange.error().message());
  if (!*exchange) return problem(404, "no such diff: never kept, or aged out");
  const auto detail = backend.results.diff(request.parameters[0]);
  Response response;
  response.later = [backend, kept = std::move(**exchange),
                    row = detail ? detail->row : results::DiffRow()](std::function<void(Response)> take) {
    backend.control.replay(kept, [row, take = std::move(take)](Result<results::DiffDetail> result) {
      take(replayed(std::move(result), row));
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
