#include "agent/results/path_record.h"

#include <algorithm>

#include "agent/base/ascii.h"

namespace shadowtap::results {
namespace {

std::size_t count(std::string_view s, bool (*is)(char)) {
  return static_cast<std::size_t>(std::count_if(s.begin(), s.end(), is));
}

// ISO 8601, an HTTP date, or seconds, milliseconds, … since 1970 (from 2001 on).
bool is_time(std::string_view s) {
  if (s.size() >= 10 && count(s.substr(0, 4), is_digit) == 4 && s[4] == '-' && s[7] == '-') {
    return true;
  }
  if (s.size() == 29 && s.ends_with(" GMT")) return true;
  if (s.size() >= 8 && s[2] == ':' && s[5] == ':' && count(s, is_digit) >= 6) return true;
  const std::string_view whole = s.substr(0, s.find('.'));
  const bool digits = !whole.empty() && count(whole, is_digit) == whole.size() &&
                      count(s, is_digit) + 1 >= s.size();
  const std::size_t n = whole.size();
  return digits && (n == 10 || n == 13 || n == 16 || n == 19) && whole.front() == '1';
}

bool is_nonce(std::string_view s) {
  if (s.size() < 8 || s.find(' ') != std::string_view::npos) return false;
  const std::size_t digits = count(s, is_digit);
  if (count(s, is_hex) == s.size() && digits > 0 && digits < s.size()) return true;
  return s.size() >= 16 && digits * 8 >= s.size() && count(s, is_letter) * 4 >= s.size();
}

// web-7f9c4-x2v, ip-10-0-0-9, 10.0.0.9, node3.cluster.local
bool is_host(std::string_view s) {
  const auto good = [](char c) { return is_digit(c) || is_letter(c) || c == '-' || c == '.' || c == ':'; };
  if (s.size() < 4 || s.size() > 253 || count(s, good) != s.size()) return false;
  const auto separators = std::count(s.begin(), s.end(), '-') + std::count(s.begin(), s.end(), '.');
  return count(s, is_digit) > 0 && separators >= 2;
}

}  // namespace

const char* to_string(Control control) {
  switch (control) {
    case Control::kSecondary: return "secondary";
    case Control::kProduction: return "production";
    case Control::kItself: return "candidate itself";
    case Control::kNone: return "none";
    case Control::kCount_: break;
  }
  return "?";
}

const char* to_string(Shape shape) {
  switch (shape) {
    case Shape::kTime: return "time";
    case Shape::kUuid: return "UUID";
    case Shape::kNonce: return "nonce";
    case Shape::kHost: return "host name";
    case Shape::kUnseen:
    case Shape::kNone: break;
  }
  return "";
}

Shape shape_of(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  if (is_uuid(value)) return Shape::kUuid;
  if (is_time(value)) return Shape::kTime;
  if (is_host(value)) return Shape::kHost;
  if (is_nonce(value)) return Shape::kNonce;
  return Shape::kNone;
}

std::uint32_t SeenValues::count(std::uint64_t hash) const {
  for (const One& one : all) {
    if (one.n > 0 && one.hash == hash) return one.n;
  }
  return 0;
}

// Misra-Gries: a newcomer to a full table takes one from each.
void SeenValues::add(std::uint64_t hash) {
  One* free = nullptr;
  for (One& one : all) {
    if (one.n == 0) {
      free = &one;
    } else if (one.hash == hash) {
      ++one.n;
      return;
    }
  }
  if (free != nullptr) {
    *free = {hash, 1};
    return;
  }
  for (One& one : all) --one.n;
}

const ControlCounts* PathRecord::find(Control control) const {
  for (const ControlCounts& one : counts) {
    if (one.control == control) return &one;
  }
  return nullptr;
}

ControlCounts& PathRecord::of(Control control) {
  for (ControlCounts& one : counts) {
    if (one.control == control) return one;
  }
  counts.push_back({.control = control});
  return counts.back();
}

std::uint64_t PathRecord::differing() const {
  std::uint64_t sum = 0;
  for (const ControlCounts& one : counts) {
    if (one.control != Control::kItself) sum += one.candidate_differs();
  }
  return sum;
}

}  // namespace shadowtap::results
