#include "agent/results/sample_json.h"

#include <boost/json.hpp>

namespace shadowtap::results {
namespace {

namespace json = boost::json;

json::object object_of(const ShownMessage& message) {
  json::array headers;
  for (const auto& [name, value] : message.headers) headers.push_back(json::array{name, value});
  return {{"status", message.status}, {"headers", std::move(headers)}, {"body", message.body},
          {"text", message.body_is_text}, {"size", message.body_size}};
}

json::value value_of(const std::optional<ShownMessage>& message) {
  if (!message) return nullptr;
  return object_of(*message);
}

// Reads without throwing: what is not there or of another type is empty.
const json::value* member(const json::value& value, std::string_view name) {
  const json::object* object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(json::string_view(name.data(), name.size()));
}

std::string text(const json::value& value, std::string_view name) {
  const json::value* found = member(value, name);
  const json::string* string = found == nullptr ? nullptr : found->if_string();
  return string == nullptr ? std::string() : std::string(string->data(), string->size());
}

std::int64_t number(const json::value& value, std::string_view name) {
  const json::value* found = member(value, name);
  if (found == nullptr) return 0;
  if (const auto* n = found->if_int64()) return *n;
  if (const auto* n = found->if_uint64()) return static_cast<std::int64_t>(*n);
  return 0;
}

template <class Visit>
void each(const json::value& value, std::string_view name, Visit visit) {
  const json::value* found = member(value, name);
  const json::array* array = found == nullptr ? nullptr : found->if_array();
  if (array == nullptr) return;
  for (const json::value& one : *array) visit(one);
}

std::optional<ShownMessage> message_of(const json::value& value, std::string_view name) {
  const json::value* found = member(value, name);
  if (found == nullptr || !found->is_object()) return std::nullopt;
  ShownMessage message;
  message.status = static_cast<int>(number(*found, "status"));
  each(*found, "headers", [&](const json::value& line) {
    const json::array* pair = line.if_array();
    if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string()) return;
    const json::string& n = (*pair)[0].get_string();
    const json::string& v = (*pair)[1].get_string();
    message.headers.emplace_back(std::string(n.data(), n.size()), std::string(v.data(), v.size()));
  });
  message.body = text(*found, "body");
  const json::value* is_text = member(*found, "text");
  message.body_is_text = is_text == nullptr || !is_text->is_bool() || is_text->get_bool();
  message.body_size = static_cast<std::uint64_t>(number(*found, "size"));
  return message;
}

}  // namespace

std::string to_json(const DiffDetail& detail) {
  json::array differences;
  for (const ShownDifference& one : detail.row.differences) {
    differences.push_back(json::object{{"path", one.path}, {"aggregated", one.aggregated},
                                       {"kind", one.kind}, {"original", one.original},
                                       {"candidate", one.candidate}});
  }
  json::object timings;
  for (const auto& [name, ms] : detail.timings_ms) timings[name] = ms;
  return json::serialize(json::object{{"schema", 1},
                                      {"method", detail.row.method},
                                      {"uri", detail.row.uri},
                                      {"differences", std::move(differences)},
                                      {"request", object_of(detail.request)},
                                      {"original", value_of(detail.original)},
                                      {"candidate", value_of(detail.candidate)},
                                      {"secondary", value_of(detail.secondary)},
                                      {"timings_ms", std::move(timings)},
                                      {"error", detail.error}});
}

std::optional<DiffDetail> detail_from_json(std::string_view source) {
  json::error_code error;
  const json::value value = json::parse(json::string_view(source.data(), source.size()), error);
  if (error || !value.is_object()) return std::nullopt;
  DiffDetail detail;
  detail.row.method = text(value, "method");
  detail.row.uri = text(value, "uri");
  each(value, "differences", [&](const json::value& one) {
    detail.row.differences.push_back({text(one, "path"), text(one, "kind"), text(one, "original"),
                                      text(one, "candidate"), text(one, "aggregated")});
  });
  if (auto request = message_of(value, "request")) detail.request = std::move(*request);
  detail.original = message_of(value, "original");
  detail.candidate = message_of(value, "candidate");
  detail.secondary = message_of(value, "secondary");
  if (const json::value* timings = member(value, "timings_ms"); timings != nullptr && timings->is_object()) {
    for (const auto& [name, ms] : timings->get_object()) {
      if (const auto* real = ms.if_double()) detail.timings_ms[std::string(name)] = *real;
    }
  }
  detail.error = text(value, "error");
  return detail;
}

}  // namespace shadowtap::results
