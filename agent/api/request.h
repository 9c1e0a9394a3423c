// One API call and its answer as plain values, so that every handler can be tested
// without a socket. Knows nothing of Beast, connections or authentication.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shadowtap::api {

using NameValues = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";
  std::vector<std::string> path;        // decoded segments: /api/v1/x -> {"api", "v1", "x"}
  NameValues query;                     // decoded, in order
  std::vector<std::string> parameters;  // what the pattern's {…} matched, set by the router
  std::string content_type;
  std::string accept;
  std::string if_none_match;
  std::string if_match;
  std::string body;

  // From a request line's target; leaves the rest alone. False: not a valid origin-form.
  [[nodiscard]] bool set_target(std::string_view target);
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  NameValues headers;

  // Instead of a body: an answer that comes later. Called once, with what takes the answer
  // (on the control thread; it may also never be called, then the server answers 504).
  std::function<void(std::function<void(Response)>)> later = {};
  // Instead of a body: server-sent events. Called about twice a second for what is new, as
  // event-stream text; never kept for a reader that is behind.
  std::function<std::string()> events = {};
};

}  // namespace shadowtap::api
