#include "agent/config/fields.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "agent/base/text.h"
#include "agent/config/checks.h"
#include "agent/config/values.h"

namespace shadowtap::config {
namespace {

// Decimal or 0x….
bool read_count(std::string_view text, std::uint64_t& out) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), out, hex ? 16 : 10);
  return error == std::errc() && end == text.data() + text.size();
}

std::string read_number(std::string_view text, double& out, double least, double most) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return quoted(text) + " is not a number";
  }
  if (value < least || value > most) {
    return most == std::numeric_limits<double>::max()
               ? fmt::format("{} is less than {}", text, least)
               : fmt::format("{} is not in {}–{}", text, least, most);
  }
  out = value;
  return {};
}

std::string print_size(std::uint64_t bytes) {
  if (bytes != 0 && bytes % (1 << 30) == 0) return fmt::format("{}GiB", bytes >> 30);
  if (bytes != 0 && bytes % (1 << 20) == 0) return fmt::format("{}MiB", bytes >> 20);
  if (bytes != 0 && bytes % (1 << 10) == 0) return fmt::format("{}KiB", bytes >> 10);
  return std::to_string(bytes);
}

// A value read through one of flag_values' functions, which fill an optional.
template <class Read>
Scalar number_through(double& out, Read read) {
  return {[&out, read](std::string_view text) {
            std::optional<double> value;
            std::string wrong = read(text, value);
            if (value) out = *value;
            return wrong;
          },
          [&out] { return fmt::format("{}", out); }};
}

}  // namespace

void field(Fields& f, std::string_view key, std::string& out) {
  f.scalar(key, {[&out](std::string_view text) {
                   out = text;
                   return std::string();
                 },
                 [&out]() -> std::optional<std::string> {
                   if (out.empty()) return std::nullopt;
                   return out;
                 },
                 true});
}

void field(Fields& f, std::string_view key, bool& out) {
  f.scalar(key, {[&out](std::string_view text) -> std::string {
                   if (text != "true" && text != "false" && text != "on" && text != "off") {
                     return quoted(text) + " is neither true nor false";
                   }
                   out = text == "true" || text == "on";
                   return {};
                 },
                 [&out] { return std::string(out ? "true" : "false"); }});
}

void field(Fields& f, std::string_view key, Duration& out) {
  f.scalar(key, {[&out](std::string_view text) {
                   std::optional<Duration> value;
                   std::string wrong = read_value(text, value);
                   if (value) out = *value;
                   return wrong;
                 },
                 [&out] { return format_duration(out); }, true});
}

void field(Fields& f, std::string_view key, std::optional<Duration>& out) {
  f.scalar(key, {[&out](std::string_view text) { return read_value(text, out); },
                 [&out]() -> std::optional<std::string> {
                   if (!out) return std::nullopt;
                   return format_duration(*out);
                 },
                 true});
}

void positive(Fields& f, std::string_view key, Duration& out) {
  f.scalar(key, {[&out](std::string_view text) -> std::string {
                   std::optional<Duration> value;
                   std::string wrong = read_value(text, value);
                   if (!value) return wrong;
                   if (*value == Duration::zero()) return "must be more than 0";
                   out = *value;
                   return {};
                 },
                 [&out] { return format_duration(out); }, true});
}

void field(Fields& f, std::string_view key, std::vector<std::string>& out) {
  checked_list(f, key, out, nullptr);
}

Scalar number_value(double& out, double least, double most) {
  return {[&out, least, most](std::string_view text) {
            return read_number(text, out, least, most);
          },
          [&out] { return fmt::format("{}", out); }};
}

void number(Fields& f, std::string_view key, double& out, double least, double most) {
  f.scalar(key, number_value(out, least, most));
}

void number(Fields& f, std::string_view key, std::optional<double>& out, double least,
            double most) {
  f.scalar(key, {[&out, least, most](std::string_view text) {
                   double value = 0;
                   std::string wrong = read_number(text, value, least, most);
                   if (wrong.empty()) out = value;
                   return wrong;
                 },
                 [&out]() -> std::optional<std::string> {
                   if (!out) return std::nullopt;
                   return fmt::format("{}", *out);
                 }});
}

void rate(Fields& f, std::string_view key, double& out) {
  f.scalar(key, number_through(out, read_rate));
}

void percent(Fields& f, std::string_view key, double& out) {
  f.scalar(key, number_through(out, read_percent));
}

void count(Fields& f, std::string_view key, std::uint64_t& out, std::uint64_t least,
           std::uint64_t most) {
  f.scalar(key, {[&out, least, most](std::string_view text) -> std::string {
                   std::uint64_t value = 0;
                   if (!read_count(text, value)) return quoted(text) + " is not a whole number";
                   if (value < least) return fmt::format("{} is less than {}", text, least);
                   if (value > most) return fmt::format("{} is more than {}", text, most);
                   out = value;
                   return {};
                 },
                 [&out] { return std::to_string(out); }});
}

void count(Fields& f, std::string_view key, std::uint32_t& out, std::uint32_t least) {
  std::uint64_t wide = out;
  count(f, key, wide, least, std::numeric_limits<std::uint32_t>::max());
  out = static_cast<std::uint32_t>(wide);
}

void body_size(Fields& f, std::string_view key, std::uint64_t& out) {
  size(f, key, out);
  if (out > std::uint64_t{1} << 30) f.complain(key, std::string(key) + ": at most 1GiB");
}

void size(Fields& f, std::string_view key, std::uint64_t& out) {
  f.scalar(key, {[&out](std::string_view text) {
                   std::string kept;
                   std::string wrong = read_size(text, kept);
                   if (wrong.empty()) out = *parse_size(kept);
                   return wrong;
                 },
                 [&out] { return print_size(out); }, true});
}

Scalar checked_value(std::string& out, std::string (*check)(std::string_view)) {
  return {[&out, check](std::string_view text) {
            std::string wrong = check(text);
            if (wrong.empty()) out = text;
            return wrong;
          },
          [&out]() -> std::optional<std::string> {
            if (out.empty()) return std::nullopt;
            return out;
          },
          true};
}

void checked(Fields& f, std::string_view key, std::string& out,
             std::string (*check)(std::string_view)) {
  f.scalar(key, checked_value(out, check));
}

void checked_list(Fields& f, std::string_view key, std::vector<std::string>& out,
                  std::string (*check)(std::string_view)) {
  f.list(key, {[&out] { out.clear(); }, [&out] { return out.size(); },
               [&out, check](std::size_t index, Fields& item) {
                 if (index == out.size()) out.emplace_back();
                 if (check) return checked(item, "item", out[index], check);
                 field(item, "item", out[index]);
               },
               "item", true});
}

void word(Fields& f, std::string_view key, std::initializer_list<std::string_view> words,
          const std::function<void(std::size_t)>& set, std::size_t now) {
  const std::vector<std::string_view> known(words);
  f.scalar(key, {[&known, &set](std::string_view text) {
                   std::string found;
                   std::string wrong = read_word(text, known, found);
                   for (std::size_t i = 0; i < known.size(); ++i) {
                     if (wrong.empty() && known[i] == text) set(i);
                   }
                   return wrong;
                 },
                 [&known, now] { return std::string(known[now]); }, true});
}

}  // namespace shadowtap::config
