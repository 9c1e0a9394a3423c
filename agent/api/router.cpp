#include "agent/api/router.h"

#include <cstdint>
#include <cstdio>
#include <optional>

#include "agent/api/accept.h"
#include "agent/api/problem.h"
#include "agent/base/text.h"

namespace shadowtap::api {
namespace {

// The parameters' values if the path matches.
std::optional<std::vector<std::string>> match(const std::vector<std::string>& segments,
                                              const std::vector<std::string>& path) {
  if (segments.size() != path.size()) return std::nullopt;
  std::vector<std::string> parameters;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].empty()) {
      parameters.push_back(path[i]);
    } else if (segments[i] != path[i]) {
      return std::nullopt;
    }
  }
  return parameters;
}

// FNV-1a: a validator, not a secret.
std::string entity_tag(std::string_view body) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : body) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  char text[24];
  std::snprintf(text, sizeof text, "\"%016llx\"", static_cast<unsigned long long>(hash));
  return text;
}

// RFC 9110 section 13.1.2: weak comparison against each member of the list.
bool tag_matches(std::string_view list, std::string_view tag) {
  return list == "*" || list.find(tag) != std::string_view::npos;
}

// What a read gives, in a form that the caller takes, unless they have it already.
Response validated(const Request& request, Response response) {
  if (response.status != 200) return response;
  if (!accepts(request.accept, response.content_type)) {
    return problem(406, "this is there as " + response.content_type + " only (Accept: " +
                            request.accept.substr(0, 200) + ")");
  }
  if (response.events) return response;
  std::string tag = entity_tag(response.body);
  if (tag_matches(request.if_none_match, tag)) {
    return {304, "", "", {{"ETag", std::move(tag)}}};
  }
  response.headers.emplace_back("ETag", std::move(tag));
  response.headers.emplace_back("Cache-Control", "no-cache");
  return response;
}

std::string joined(const std::vector<std::string>& path) {
  std::string text;
  for (const std::string& segment : path) text += "/" + segment;
  return text.empty() ? "/" : text;
}

}  // namespace

void Router::add(std::string_view method, std::string_view pattern, Handler handler) {
  Request target;
  if (!target.set_target(pattern)) return;
  for (std::string& segment : target.path) {
    if (segment.starts_with('{')) segment.clear();
  }
  routes_.push_back(
      {std::string(method), std::string(pattern), std::move(target.path), std::move(handler)});
}

Response Router::handle(Request request) const {
  const bool reading = request.method == "GET" || request.method == "HEAD";
  std::string allow;
  for (const Route& route : routes_) {
    auto parameters = match(route.segments, request.path);
    if (!parameters) continue;
    if (route.method == (reading ? "GET" : request.method)) {
      if (!reading && !precondition_holds(request)) {
        return problem(412, "it has changed since you read it (If-Match)");
      }
      request.parameters = std::move(*parameters);
      Response response = route.handler(request);
      return reading ? validated(request, std::move(response)) : response;
    }
    allow += (allow.empty() ? "" : ", ") + route.method + (route.method == "GET" ? ", HEAD" : "");
  }
  if (allow.empty()) return not_found(request);
  Response response =
      problem(405, request.method + " is not among the methods of this path: " + allow);
  response.headers.emplace_back("Allow", allow);
  return response;
}

bool Router::precondition_holds(const Request& request) const {
  if (request.if_match.empty()) return true;
  Request read = request;
  read.method = "GET";
  read.if_none_match.clear();
  const Response now = handle(std::move(read));
  return now.status == 200 && tag_matches(request.if_match, entity_tag(now.body));
}

Response Router::not_found(const Request& request) const {
  std::vector<std::string_view> known;
  for (const Route& route : routes_) known.push_back(route.pattern);
  const std::string path = joined(request.path);
  std::string detail = "no such path: " + path.substr(0, 200);
  if (const auto meant = nearest(path, known)) {
    detail += "; did you mean '" + std::string(*meant) + "'?";
  }
  return problem(404, detail);
}

std::vector<std::string> Router::calls() const {
  std::vector<std::string> calls;
  for (const Route& route : routes_) calls.push_back(route.method + " " + route.pattern);
  return calls;
}

}  // namespace shadowtap::api
