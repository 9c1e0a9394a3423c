// Small text for this library alone: case, trimming, splitting, durations, times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shadowtap::diff {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c);
std::string to_lower(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);  // spaces, tabs, CR, LF

// Splits at `separator` outside double quotes; parts are trimmed.
std::vector<std::string_view> split(std::string_view text, char separator);

// "500ms", "2s", "1h" in nanoseconds; also ns us m d.
std::optional<std::int64_t> parse_duration_ns(std::string_view text);

// RFC 3339 ("2026-01-02T03:04:05.678Z", offset or none, space for T) or an HTTP date, in
// nanoseconds since 1970.
std::optional<std::int64_t> parse_time_ns(std::string_view text);

// Valid UTF-8 (RFC 3629).
bool is_utf8(std::string_view text);

// Appends one code point; a surrogate is written like any other.
void append_utf8(std::string& out, std::uint32_t code);

// At most `limit` bytes, cut between code points, with an ellipsis where cut.
std::string cut(std::string_view text, std::size_t limit);

}  // namespace shadowtap::diff
