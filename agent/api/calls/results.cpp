// What came out: endpoints, their fields, single diffs; and forgetting all of it.
#include <algorithm>
#include <array>

#include "agent/api/calls/calls.h"
#include "agent/api/json.h"
#include "agent/api/problem.h"
#include "agent/api/query.h"
#include "agent/api/shapes.h"
#include "agent/base/ascii.h"

namespace shadowtap::api {
namespace {

constexpr std::array<std::string_view, 9> kKinds{"status", "value", "type",   "missing", "extra",
                                                 "order",  "text",  "binary", "encoding"};
constexpr std::array<std::string_view, 6> kOutcomes{"match",    "noise", "ignored",
                                                    "mismatch", "error", "not_comparable"};

Response endpoints(const Backend& backend, const Request& request) {
  Query query(request);
  const std::string service = query.text("service");
  const std::string cursor = query.text("cursor");
  const std::size_t limit = query.limit();
  if (auto problem = query.problem()) return *problem;
  if (auto problem = unknown_service(backend, service)) return *problem;
  const auto page = backend.results.endpoints(service, cursor, limit);
  json::array rows;
  for (const results::EndpointRow& row : page.rows) rows.push_back(to_json(row));
  return list_response("endpoints", std::move(rows), page.next);
}

json::object field_json(const results::FieldRow& row) {
  json::object out;
  out["path"] = shown(row.path);
  out["kinds"] = shown(row.kinds);
  out["raw"] = row.raw;
  out["noise"] = row.noise;
  out["total"] = row.total;
  out["verdict"] = shown(row.verdict);
  out["ignored"] = row.ignored;
  out["explain"] = shown(row.explain);
  return out;
}

Response fields(const Backend& backend, const Request& request) {
  Query query(request);
  const std::string cursor = query.text("cursor");
  const std::size_t limit = query.limit();
  if (auto problem = query.problem()) return *problem;
  const auto page = backend.results.fields(request.parameters[0], cursor, limit);
  if (!page) return problem(404, "no such endpoint");
  json::array rows;
  for (const results::FieldRow& row : page->rows) rows.push_back(field_json(row));
  return list_response("fields", std::move(rows), page->next);
}

// A diff's id, which is 16 hexadecimal digits; whether it is still kept does not matter.
bool may_be_diff_cursor(const std::string& cursor) {
  return cursor.empty() || (cursor.size() == 16 && std::all_of(cursor.begin(), cursor.end(), is_hex));
}

Response diffs(const Backend& backend, const Request& request) {
  Query query(request);
  results::DiffQuery wanted;
  wanted.service = query.text("service");
  wanted.endpoint = query.text("endpoint");
  wanted.path = query.text("path");
  wanted.kind = query.one_of("kind", {kKinds.begin(), kKinds.end()});
  wanted.outcome = query.one_of("outcome", {kOutcomes.begin(), kOutcomes.end()});
  wanted.since = query.since("since", backend.now());
  wanted.cursor = query.text("cursor");
  wanted.limit = query.limit();
  if (auto problem = query.problem()) return *problem;
  if (!may_be_diff_cursor(wanted.cursor)) {
    return problem(400, "query parameter 'cursor' must be `next` of the page before");
  }
  if (auto problem = unknown_service(backend, wanted.service)) return *problem;
  const auto page = backend.results.diffs(wanted);
  json::array rows;
  for (const results::DiffRow& row : page.rows) rows.push_back(to_json(row));
  return list_response("diffs", std::move(rows), page.next);
}

Response diff(const Backend& backend, const Request& request) {
  if (auto problem = Query(request).problem()) return *problem;
  const auto detail = backend.results.diff(request.parameters[0]);
  if (!detail) return problem(404, "no such diff: never kept, or aged out");
  return json_response(to_json(*detail));
}

Response forget(const Backend& backend, const Request& request) {
  Query query(request);
  const std::string service = query.text("service");
  if (auto problem = query.problem()) return *problem;
  if (auto problem = unknown_service(backend, service)) return *problem;
  if (!backend.results.forget(service)) return problem(404, "no such service");
  return Response{204, "", "", {}};
}

}  // namespace

void add_results_calls(Router& router, const Backend& backend) {
  const auto add = [&](const char* method, const char* path, auto call) {
    router.add(method, path, [backend, call](const Request& r) { return call(backend, r); });
  };
  add("GET", "/api/v1/endpoints", endpoints);
  add("GET", "/api/v1/endpoints/{id}/fields", fields);
  add("GET", "/api/v1/diffs", diffs);
  add("GET", "/api/v1/diffs/{id}", diff);
  add("DELETE", "/api/v1/results", forget);
}

}  // namespace shadowtap::api
