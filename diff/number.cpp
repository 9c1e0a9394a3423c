#include "diff/number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "diff/hash.h"

namespace shadowtap::diff {
namespace {

// A signed integer of any length as decimal text: exponents may have any.
struct BigExponent {
  bool negative = false;
  std::string digits;  // without leading zeros; "" is zero
};

std::string strip_zeros(std::string_view digits) {
  const auto first = digits.find_first_not_of('0');
  return first == std::string_view::npos ? std::string() : std::string(digits.substr(first));
}

int order_magnitudes(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

std::string add_magnitudes(std::string_view a, std::string_view b) {
  if (a.size() < b.size()) std::swap(a, b);
  std::string sum(a.size() + 1, '0');
  int carry = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    int digit = a[a.size() - 1 - i] - '0' + carry;
    if (i < b.size()) digit += b[b.size() - 1 - i] - '0';
    carry = digit / 10;
    sum[sum.size() - 1 - i] = static_cast<char>('0' + digit % 10);
  }
  sum[0] = static_cast<char>('0' + carry);
  return strip_zeros(sum);
}

// Requires a >= b.
std::string subtract_magnitudes(std::string_view a, std::string_view b) {
  std::string rest(a);
  int borrow = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    int digit = a[a.size() - 1 - i] - '0' - borrow;
    if (i < b.size()) digit -= b[b.size() - 1 - i] - '0';
    borrow = digit < 0 ? 1 : 0;
    rest[rest.size() - 1 - i] = static_cast<char>('0' + (digit + 10) % 10);
  }
  return strip_zeros(rest);
}

BigExponent plus(const BigExponent& a, std::int64_t shift) {
  const bool negative = shift < 0;
  const std::string other = shift == 0 ? "" : std::to_string(std::abs(shift));
  if (a.negative == negative) return {negative, add_magnitudes(a.digits, other)};
  if (order_magnitudes(a.digits, other) >= 0) {
    return {a.negative, subtract_magnitudes(a.digits, other)};
  }
  return {negative, subtract_magnitudes(other, a.digits)};
}

int order_exponents(const BigExponent& a, const BigExponent& b) {
  const bool a_negative = a.negative && !a.digits.empty();
  const bool b_negative = b.negative && !b.digits.empty();
  if (a_negative != b_negative) return a_negative ? -1 : 1;
  const int order = order_magnitudes(a.digits, b.digits);
  return a_negative ? -order : order;
}

// The digits of integer and fraction as one sequence, without a copy.
struct Mantissa {
  std::string_view head;
  std::string_view tail;

  std::size_t size() const { return head.size() + tail.size(); }
  char operator[](std::size_t i) const {
    return i < head.size() ? head[i] : tail[i - head.size()];
  }
};

// 0.d1d2d3… × 10^exponent, d1 and the last digit not zero; zero has no digits.
struct Decimal {
  bool negative = false;
  Mantissa mantissa;
  std::size_t first = 0;
  std::size_t last = 0;  // past the last non-zero digit
  std::int64_t shift = 0;
  std::string_view exponent;  // as written, without sign
  bool exponent_negative = false;

  std::size_t size() const { return last - first; }
  char digit(std::size_t i) const { return mantissa[first + i]; }
  bool small_exponent() const { return exponent.size() <= 17; }
  std::int64_t small() const {
    std::int64_t value = 0;
    for (const char c : exponent) value = value * 10 + (c - '0');
    return (exponent_negative ? -value : value) + shift;
  }
  BigExponent big() const {
    return plus({exponent_negative, strip_zeros(exponent)}, shift);
  }
};

Decimal read(std::string_view text) {
  Decimal d;
  if (!text.empty() && text.front() == '-') {
    d.negative = true;
    text.remove_prefix(1);
  }
  if (const auto e = text.find_first_of("eE"); e != std::string_view::npos) {
    d.exponent = text.substr(e + 1);
    text = text.substr(0, e);
    if (d.exponent.front() == '-' || d.exponent.front() == '+') {
      d.exponent_negative = d.exponent.front() == '-';
      d.exponent.remove_prefix(1);
    }
    while (!d.exponent.empty() && d.exponent.front() == '0') d.exponent.remove_prefix(1);
  }
  const auto point = text.find('.');
  d.mantissa.head = text.substr(0, point);
  if (point != std::string_view::npos) d.mantissa.tail = text.substr(point + 1);
  d.last = d.mantissa.size();
  while (d.last > 0 && d.mantissa[d.last - 1] == '0') --d.last;
  while (d.first < d.last && d.mantissa[d.first] == '0') ++d.first;
  if (d.first == d.last) return Decimal{};  // zero, whatever its sign and exponent
  d.shift = static_cast<std::int64_t>(d.mantissa.head.size()) -
            static_cast<std::int64_t>(d.first);
  return d;
}

int order_of_exponents(const Decimal& a, const Decimal& b) {
  if (a.small_exponent() && b.small_exponent()) {
    return a.small() < b.small() ? -1 : a.small() > b.small() ? 1 : 0;
  }
  return order_exponents(a.big(), b.big());
}

int order_of_digits(const Decimal& a, const Decimal& b) {
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a.digit(i) != b.digit(i)) return a.digit(i) < b.digit(i) ? -1 : 1;
  }
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

double to_double(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? value : std::numeric_limits<double>::infinity();
}

}  // namespace

bool is_number(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const std::size_t first = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - first;
  };
  const std::size_t integer = at;
  const std::size_t length = digits();
  if (length == 0 || (length > 1 && text[integer] == '0')) return false;
  if (at < text.size() && text[at] == '.' && (++at, digits() == 0)) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

int order_numbers(std::string_view a_text, std::string_view b_text) {
  const Decimal a = read(a_text);
  const Decimal b = read(b_text);
  if (a.size() == 0 || b.size() == 0) {
    const int sign_a = a.size() == 0 ? 0 : a.negative ? -1 : 1;
    const int sign_b = b.size() == 0 ? 0 : b.negative ? -1 : 1;
    return sign_a - sign_b;
  }
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  int order = order_of_exponents(a, b);
  if (order == 0) order = order_of_digits(a, b);
  return a.negative ? -order : order;
}

bool equal_numbers(std::string_view a, std::string_view b) {
  return a == b || order_numbers(a, b) == 0;
}

std::uint64_t hash_number(std::string_view text) {
  const Decimal d = read(text);
  std::uint64_t h = d.negative ? 0x51ed270b7f4a7c15ULL : 0x2127599bf4325c37ULL;
  if (d.size() == 0) return h;
  std::uint64_t chunk = 0;
  for (std::size_t i = 0; i < d.size(); ++i) {
    chunk = chunk * 10 + static_cast<std::uint64_t>(d.digit(i) - '0');
    if (i % 19 == 18) h = mix(h, std::exchange(chunk, 0));
  }
  h = mix(h, chunk);
  if (d.small_exponent()) return mix(h, static_cast<std::uint64_t>(d.small()));
  const BigExponent big = d.big();
  if (big.digits.size() <= 17) {
    const std::int64_t value = big.digits.empty() ? 0 : std::stoll(big.digits);
    return mix(h, static_cast<std::uint64_t>(big.negative ? -value : value));
  }
  return hash_bytes(big.digits, mix(h, big.negative));
}

bool numbers_within(std::string_view a, std::string_view b, double absolute, double relative) {
  if (equal_numbers(a, b)) return true;
  const double x = to_double(a);
  const double y = to_double(b);
  if (!std::isfinite(x) || !std::isfinite(y)) return false;
  const double greater = std::max(std::abs(x), std::abs(y));
  // The bound itself is inclusive: |1.01 − 1.00| must be within 0.01 although neither
  // has an exact double.
  const double slack = greater * 4e-16;
  return std::abs(x - y) <= std::max(absolute, relative * greater) + slack;
}

}  // namespace shadowtap::diff
