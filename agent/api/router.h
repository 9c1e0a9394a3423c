// Finds the handler of a call by method and path, and answers what has none: 404 with
// the nearest known path, 405 with Allow. HEAD is GET; Accept, ETag, If-None-Match and
// If-Match are done here for every call. Knows no socket; owned by the server, control thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/api/request.h"

namespace shadowtap::api {

using Handler = std::function<Response(const Request&)>;

class Router {
 public:
  // `pattern`: "/api/v1/endpoints/{id}/fields"; a {…} matches one segment.
  void add(std::string_view method, std::string_view pattern, Handler handler);

  // For HEAD the body is still there, for its length; the server does not send it.
  Response handle(Request request) const;

  // "GET /api/v1/status", in the order they were added.
  std::vector<std::string> calls() const;

 private:
  struct Route {
    std::string method;
    std::string pattern;
    std::vector<std::string> segments;  // empty string: a parameter
    Handler handler;
  };
  Response not_found(const Request& request) const;
  // Whether what a GET of the same path gives now is what the caller has seen.
  bool precondition_holds(const Request& request) const;

  std::vector<Route> routes_;
};

}  // namespace shadowtap::api
