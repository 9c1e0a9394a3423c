// Small text: comparison without case, durations and sizes with units, and the
// nearest known word for an error message.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/base/time.h"

namespace shadowtap {

// ASCII only; locale-free.
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string to_lower(std::string_view text);

// So that a time and a few durations can be added without a look.
inline constexpr Duration kLongestDuration = std::chrono::hours(24 * 3650);

// "500ms", "5s", "2m", "1h", "7d", "250us", "10ns"; a bare 0 is allowed. No sign, no fraction;
// not longer than kLongestDuration.
std::optional<Duration> parse_duration(std::string_view text);
// The shortest exact form, e.g. "1500ms", "15m".
std::string format_duration(Duration duration);

// "64KiB", "10MiB", "1GiB", "100B", "4KB" (1000), or a bare number of bytes.
std::optional<std::uint64_t> parse_size(std::string_view text);

// The candidate with the least edit distance, if close enough to be meant.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

}  // namespace shadowtap
