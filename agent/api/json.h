// How values look in the API's JSON: text that is always valid UTF-8, times as
// RFC 3339 UTC, counts by reason as objects. Plain functions, any thread.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/api/request.h"
#include "agent/base/time.h"

namespace shadowtap::api {

namespace json = boost::json;

// Captured bytes may be anything: what is not UTF-8 becomes U+FFFD.
json::string shown(std::string_view bytes);

// A finite number, or null.
json::value shown(double number);

// Compact, numbers as people write them (0.25 where Boost.JSON gives 2.5E-1).
std::string to_text(const json::value& value);

// "2026-11-22T05:40:00.123Z"
std::string to_rfc3339(WallTime time);
// With `Z` or a numeric offset, fraction optional.
std::optional<WallTime> parse_rfc3339(std::string_view text);

json::object shown(const std::vector<std::pair<std::string, std::uint64_t>>& counts);
json::object shown(const std::map<std::string, std::uint64_t>& counts);

Response json_response(const json::value& body, unsigned status = 200);

// {"<name>": rows, "next": cursor|null}
Response list_response(std::string_view name, json::array rows, const std::string& next);

}  // namespace shadowtap::api
