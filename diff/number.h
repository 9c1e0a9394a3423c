// JSON numbers as exact decimals: 1, 1.0 and 1e0 are one number, 2^63 and 2^63+1 are
// two. Works on the number's text; never rounds, never expands an exponent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shadowtap::diff {

// Whether the text is a number by JSON's grammar.
bool is_number(std::string_view text);

// Both texts are valid JSON numbers, here and below.
bool equal_numbers(std::string_view a, std::string_view b);
// Negative, zero or positive, by value.
int order_numbers(std::string_view a, std::string_view b);
// Equal for equal numbers.
std::uint64_t hash_number(std::string_view text);

// |a − b| ≤ absolute, or ≤ relative × the greater magnitude. In doubles: a tolerance is
// an approximation by its nature. Numbers beyond a double's range are compared exactly.
bool numbers_within(std::string_view a, std::string_view b, double absolute, double relative);

}  // namespace shadowtap::diff
