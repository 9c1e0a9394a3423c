// Whether today's ignore rules would take a path that was counted before they came:
// for re-reading past outcomes. The rules themselves act in diff/. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shadowtap::results {

// `aggregated` is at or below one of `rules` ("$.meta", "$..price", "$.items[3].x",
// "headers.x-request-id"); indexes and wildcards stand for any.
bool is_ignored(std::string_view aggregated, const std::vector<std::string>& rules);

}  // namespace shadowtap::results
