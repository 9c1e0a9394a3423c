// Trace headers of shadow requests: an own trace, not sampled, so that shadows neither
// join nor clutter the traces of the original. W3C traceparent, B3 single and multi.
// Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shadowtap::shadow {

bool is_trace_header(std::string_view name);

// The line's value with ids drawn from `seed` and sampling off; nothing: leave it out.
std::optional<std::string> new_trace_value(std::string_view name, std::string_view value,
                                           std::uint64_t seed);

}  // namespace shadowtap::shadow
