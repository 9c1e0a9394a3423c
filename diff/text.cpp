#include "diff/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace shadowtap::diff {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// Days since 1970-01-01 of the proleptic Gregorian calendar (Hinnant, days_from_civil).
std::int64_t days_from_civil(std::int64_t y, int m, int d) {
  y -= m <= 2;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
         day_of_year - 719468;
}

// Reads fields of fixed width from the front.
struct Fields {
  std::string_view rest;
  bool good = true;

  int number(std::size_t digits) {
    int value = 0;
    const char* begin = rest.data();
    if (rest.size() < digits) return fail();
    const auto [end, error] = std::from_chars(begin, begin + digits, value);
    if (error != std::errc() || end != begin + digits || *begin == '-') return fail();
    rest.remove_prefix(digits);
    return value;
  }
  char any_of(std::string_view allowed) {
    if (rest.empty() || allowed.find(rest.front()) == allowed.npos) {
      fail();
      return '\0';
    }
    const char c = rest.front();
    rest.remove_prefix(1);
    return c;
  }
  int fail() {
    good = false;
    return 0;
  }
};

std::int64_t fraction(Fields& f) {
  if (f.rest.empty() || (f.rest.front() != '.' && f.rest.front() != ',')) return 0;
  f.rest.remove_prefix(1);
  std::int64_t value = 0;
  std::int64_t unit = kSecond / 10;
  std::size_t digits = 0;
  for (; digits < f.rest.size() && f.rest[digits] >= '0' && f.rest[digits] <= '9'; ++digits) {
    value += (f.rest[digits] - '0') * unit;
    unit /= 10;
  }
  if (digits == 0) f.fail();
  f.rest.remove_prefix(digits);
  return value;
}

std::int64_t zone(Fields& f) {
  if (f.rest.empty()) return 0;
  const char sign = f.any_of("Zz+-");
  if (sign == 'Z' || sign == 'z' || !f.good) return 0;
  const int hours = f.number(2);
  if (!f.rest.empty() && f.rest.front() == ':') f.rest.remove_prefix(1);
  const int minutes = f.number(2);
  return (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

bool in_calendar(int month, int day, int hour, int minute, int second) {
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour <= 23 && minute <= 59 &&
         second <= 60;
}

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  Fields f{text};
  const int year = f.number(4);
  f.any_of("-");
  const int month = f.number(2);
  f.any_of("-");
  const int day = f.number(2);
  if (!f.good) return std::nullopt;
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::int64_t rest = 0;
  if (!f.rest.empty()) {
    f.any_of("Tt ");
    hour = f.number(2);
    f.any_of(":");
    minute = f.number(2);
    f.any_of(":");
    second = f.number(2);
    rest = fraction(f);
    rest -= zone(f) * kSecond;
  }
  // Nanoseconds in 64 bits reach from 1678 to 2261.
  if (!f.good || !f.rest.empty() || !in_calendar(month, day, hour, minute, second) ||
      year < 1678 || year > 2261) {
    return std::nullopt;
  }
  const std::int64_t seconds =
      days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
  return seconds * kSecond + rest;
}

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7, IMF-fixdate).
std::optional<std::int64_t> parse_http_date(std::string_view text) {
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || text.substr(3, 2) != ", " || !text.ends_with(" GMT")) {
    return std::nullopt;
  }
  Fields f{text.substr(5)};
  const int day = f.number(2);
  f.any_of(" ");
  const auto month = kMonths.find(f.rest.substr(0, 3));
  if (month == kMonths.npos || month % 3 != 0) return std::nullopt;
  f.rest.remove_prefix(3);
  f.any_of(" ");
  const int year = f.number(4);
  f.any_of(" ");
  const int hour = f.number(2);
  f.any_of(":");
  const int minute = f.number(2);
  f.any_of(":");
  const int second = f.number(2);
  if (!f.good || !in_calendar(1, day, hour, minute, second) || year < 1678 || year > 2261) {
    return std::nullopt;
  }
  return (days_from_civil(year, static_cast<int>(month / 3 + 1), day) * 86400 + hour * 3600 +
          minute * 60 + second) * kSecond;
}

}  // namespace

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return lower(x) == lower(y);
         });
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == separator && !quoted) {
      parts.push_back(trim(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  parts.push_back(trim(text.substr(begin)));
  return parts;
}

std::optional<std::int64_t> parse_duration_ns(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t ns;
  };
  static constexpr std::array<Unit, 7> kUnits = {{{"ns", 1}, {"us", 1'000}, {"ms", 1'000'000},
                                                  {"s", kSecond}, {"m", 60 * kSecond},
                                                  {"h", 3600 * kSecond},
                                                  {"d", 86400 * kSecond}}};
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.empty() && value == 0) return 0;
  for (const Unit& known : kUnits) {
    if (unit != known.name) continue;
    std::int64_t product = 0;
    if (__builtin_mul_overflow(value, known.ns, &product)) return std::nullopt;
    return product;
  }
  return std::nullopt;
}

std::optional<std::int64_t> parse_time_ns(std::string_view text) {
  if (text.size() < 10 || text.size() > 40) return std::nullopt;
  if (text[0] >= '0' && text[0] <= '9') return parse_rfc3339(text);
  return parse_http_date(text);
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    // Eight bytes of ASCII at once.
    if (std::uint64_t word = 0; text.size() - i >= 8) {
      std::memcpy(&word, text.data() + i, 8);
      if ((word & 0x8080808080808080ULL) == 0) {
        i += 8;
        continue;
      }
    }
    const auto byte = [&](std::size_t k) {
      return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U;
    };
    const unsigned c = byte(0);
    std::size_t size = 0;
    if (c < 0x80) {
      size = 1;
    } else if (c >= 0xC2 && c <= 0xDF) {
      size = 2;
    } else if (c >= 0xE0 && c <= 0xEF) {
      size = 3;
    } else if (c >= 0xF0 && c <= 0xF4) {
      size = 4;
    } else {
      return false;
    }
    for (std::size_t k = 1; k < size; ++k) {
      if ((byte(k) & 0xC0) != 0x80) return false;
    }
    if ((c == 0xE0 && byte(1) < 0xA0) || (c == 0xED && byte(1) > 0x9F) ||
        (c == 0xF0 && byte(1) < 0x90) || (c == 0xF4 && byte(1) > 0x8F)) {
      return false;
    }
    i += size;
  }
  return true;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | (code >> 6));
    return put(0x80 | (code & 0x3F));
  }
  if (code < 0x10000) {
    put(0xE0 | (code >> 12));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
  }
  put(0x80 | ((code >> 6) & 0x3F));
  put(0x80 | (code & 0x3F));
}

std::string cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

}  // namespace shadowtap::diff
