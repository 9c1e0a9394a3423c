#include "agent/api/query.h"

#include <algorithm>
#include <charconv>

#include "agent/api/json.h"
#include "agent/api/problem.h"
#include "agent/base/text.h"

namespace shadowtap::api {

const std::string* Query::find(std::string_view name) {
  known_.push_back(name);
  for (const auto& [key, value] : request_.query) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Query::wrong(std::string_view name, std::string_view must_be) {
  if (!first_wrong_.empty()) return;
  first_wrong_ = "query parameter '" + std::string(name) + "' must be " + std::string(must_be);
}

std::string Query::text(std::string_view name) {
  const std::string* value = find(name);
  return value ? *value : std::string();
}

std::string Query::one_of(std::string_view name, std::vector<std::string_view> words) {
  const std::string* value = find(name);
  if (!value || value->empty()) return {};
  if (std::find(words.begin(), words.end(), *value) != words.end()) return *value;
  std::string must_be = "one of";
  for (std::string_view word : words) must_be += (word == words.front() ? " " : ", ") + std::string(word);
  if (const auto meant = nearest(*value, words)) {
    must_be += "; did you mean '" + std::string(*meant) + "'?";
  }
  wrong(name, must_be);
  return {};
}

std::optional<std::uint64_t> Query::count(std::string_view name, std::uint64_t min,
                                          std::uint64_t max) {
  const std::string* value = find(name);
  if (!value) return std::nullopt;
  std::uint64_t number = 0;
  const char* last = value->data() + value->size();
  const auto [end, error] = std::from_chars(value->data(), last, number);
  if (error == std::errc() && end == last && number >= min && number <= max) return number;
  wrong(name, "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  return std::nullopt;
}

std::optional<double> Query::ratio(std::string_view name) {
  const std::string* value = find(name);
  if (!value) return std::nullopt;
  double number = 0;
  const char* last = value->data() + value->size();
  const auto [end, error] = std::from_chars(value->data(), last, number);
  if (error == std::errc() && end == last && number >= 0 && number <= 1) return number;
  wrong(name, "a number from 0 to 1");
  return std::nullopt;
}

std::optional<WallTime> Query::since(std::string_view name, WallTime now) {
  const std::string* value = find(name);
  if (!value) return std::nullopt;
  if (const auto time = parse_rfc3339(*value)) return time;
  if (const auto duration = parse_duration(*value)) return now - *duration;
  wrong(name, "a time (2026-01-31T12:00:00Z) or a duration (15m)");
  return std::nullopt;
}

std::size_t Query::limit() { return count("limit", 1, 1000).value_or(100); }

std::optional<Response> Query::problem() const {
  for (std::size_t i = 0; i < request_.query.size(); ++i) {
    const std::string& name = request_.query[i].first;
    if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
      std::string detail = "unknown query parameter '" + name + "'";
      if (const auto meant = nearest(name, known_)) {
        detail += "; did you mean '" + std::string(*meant) + "'?";
      }
      return api::problem(400, detail);
    }
    for (std::size_t k = 0; k < i; ++k) {
      if (request_.query[k].first != name) continue;
      return api::problem(400, "query parameter '" + name + "' is given twice");
    }
  }
  if (!first_wrong_.empty()) return api::problem(400, first_wrong_);
  return std::nullopt;
}

}  // namespace shadowtap::api
