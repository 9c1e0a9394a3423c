// What one segment of a path is: part of the route, or a value. Without configuration
// and without having seen other paths; RouteTable learns the rest.
//
// Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shadowtap::results {

// The path of a request target, without query, fragment, scheme and host.
std::string_view path_of_target(std::string_view target);

// "/users/42/" -> {"users", "42", ""}; at most `max` segments, the last takes the rest.
std::vector<std::string_view> split_path(std::string_view path, std::size_t max);

// "{id}", "{date}", "{id}.json" for numbers, UUIDs, hex, dates, long tokens and e-mail
// addresses; empty where the segment stands for itself.
std::string value_template(std::string_view segment);

}  // namespace shadowtap::results
