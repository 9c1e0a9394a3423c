#include "agent/config/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "agent/base/text.h"
#include "agent/config/checks.h"
#include "agent/config/number.h"

namespace shadowtap::config {
namespace {

// Calls `take` for each comma-separated part until one complains.
template <class Take>
Complaint for_each_part(std::string_view text, Take take) {
  while (true) {
    const std::size_t comma = text.find(',');
    if (Complaint wrong = take(text.substr(0, comma)); !wrong.empty()) return wrong;
    if (comma == std::string_view::npos) return {};
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

Complaint read_value(std::string_view text, std::string& out) {
  if (text.empty()) return "needs a value";
  out = text;
  return {};
}

Complaint read_value(std::string_view text, std::optional<Duration>& out) {
  const auto duration = parse_duration(text);
  if (!duration) return quoted(text) + " is not a duration (500ms, 5s, 1h; at most 3650d)";
  out = duration;
  return {};
}

Complaint read_value(std::string_view text, std::optional<bool>& out) {
  if (text != "on" && text != "off") return quoted(text) + " is neither 'on' nor 'off'";
  out = text == "on";
  return {};
}

Complaint read_value(std::string_view text, std::optional<std::size_t>& out) {
  std::size_t number = 0;
  if (!read_number(text, number)) return quoted(text) + " is not a whole number";
  out = number;
  return {};
}

Complaint read_value(std::string_view text, std::optional<int>& out) {
  int number = 0;
  if (!read_number(text, number) || number < 1) return quoted(text) + " is not a number from 1";
  out = number;
  return {};
}

Complaint read_ports(std::string_view text, std::vector<std::uint16_t>& out) {
  return for_each_part(text, [&](std::string_view part) -> Complaint {
    std::uint16_t port = 0;
    if (!read_number(part, port) || port == 0) return quoted(part) + " is not a port (1–65535)";
    if (std::find(out.begin(), out.end(), port) != out.end()) {
      return "port " + std::string(part) + " is given twice";
    }
    out.push_back(port);
    return {};
  });
}

Complaint read_methods(std::string_view text, std::vector<std::string>& out) {
  return for_each_part(text, [&](std::string_view part) -> Complaint {
    if (Complaint wrong = check_method(part); !wrong.empty()) return wrong;
    out.emplace_back(part);
    return {};
  });
}

Complaint read_percent(std::string_view text, std::optional<double>& out) {
  double number = 0;
  std::string_view digits = text;
  if (digits.ends_with('%')) digits.remove_suffix(1);
  if (!read_number(digits, number) || !(number >= 0 && number <= 100)) {
    return quoted(text) + " is not a percentage (0–100)";
  }
  out = number;
  return {};
}

Complaint read_rate(std::string_view text, std::optional<double>& out) {
  double number = 0;
  std::string_view digits = text;
  if (digits.ends_with("/s")) digits.remove_suffix(2);
  if (!read_number(digits, number) || !std::isfinite(number) || number < 0) {
    return quoted(text) + " is not a rate (100/s)";
  }
  out = number;
  return {};
}

Complaint read_size(std::string_view text, std::string& out) {
  if (!parse_size(text)) return quoted(text) + " is not a size (64KiB, 10MiB)";
  out = text;
  return {};
}

Complaint read_word(std::string_view text, std::span<const std::string_view> words,
                    std::string& out) {
  if (std::find(words.begin(), words.end(), text) == words.end()) {
    return unknown("value", text, words);
  }
  out = text;
  return {};
}

std::string unknown(std::string_view what, std::string_view word,
                    std::span<const std::string_view> known) {
  std::string sentence = "unknown " + std::string(what) + " " + quoted(word);
  const auto close = nearest(word, known);
  if (close) return sentence + " (did you mean '" + std::string(*close) + "'?)";
  for (std::size_t i = 0; i < known.size(); ++i) {
    sentence += (i == 0 ? "; known: " : ", ") + std::string(known[i]);
  }
  return sentence;
}

}  // namespace shadowtap::config
