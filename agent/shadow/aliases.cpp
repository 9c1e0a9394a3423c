#include "agent/shadow/aliases.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cstring>

#include "agent/base/text.h"
#include "agent/http/decode.h"
#include "agent/shadow/hash.h"

namespace shadowtap::shadow {
namespace {

constexpr std::size_t kMaxJson = 1 << 20;

std::optional<std::string> set_cookie(const http::Response& response, std::string_view name) {
  for (std::size_t i = 0; i < response.headers.size(); ++i) {
    if (!equal_ignoring_case(response.headers.name(i), "set-cookie")) continue;
    const std::string_view line = response.headers.value(i);
    const std::string_view pair = line.substr(0, line.find(';'));
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
    return std::string(pair.substr(equals + 1));
  }
  return std::nullopt;
}

// The members and indexes of "$.a.b[0].c": a plain path, no wildcards.
std::vector<std::string> steps_of(std::string_view path) {
  std::vector<std::string> steps;
  std::string step;
  for (const char c : path.substr(path.starts_with('$') ? 1 : 0)) {
    if (c != '.' && c != '[' && c != ']' && c != '\'') {
      step.push_back(c);
    } else if (!step.empty()) {
      steps.push_back(std::exchange(step, {}));
    }
  }
  if (!step.empty()) steps.push_back(step);
  return steps;
}

const boost::json::value* child(const boost::json::value& value, const std::string& step) {
  if (const auto* object = value.if_object()) return object->if_contains(step);
  const auto* array = value.if_array();
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (array == nullptr || error != std::errc() || end != step.data() + step.size())
    return nullptr;
  return array->if_contains(index);
}

std::optional<std::string> string_at(const boost::json::value& document,
                                     std::string_view path) {
  const boost::json::value* at = &document;
  for (const std::string& step : steps_of(path)) {
    at = child(*at, step);
    if (at == nullptr) return std::nullopt;
  }
  if (!at->is_string()) return std::nullopt;
  return std::string(at->get_string());
}

// What may stand anywhere in a request without ending a line, a URL's part, a cookie or a
// JSON string: a target decides what it hands out, not what else its requests say.
bool is_harmless(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c < '\x7f' && std::string_view("\"\\;,&?#").find(c) == std::string_view::npos;
  });
}

boost::json::value parse_body(const http::Response& response) {
  const auto coding = response.headers.find("content-encoding").value_or("");
  const http::DecodedBody body = http::decode_body(coding, response.body.bytes, kMaxJson);
  if (body.outcome != http::Decoding::kDecoded) return nullptr;
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(body.bytes, error);
  return error ? nullptr : value;
}

}  // namespace

HandedOut handed_out(const http::Response& response, const std::vector<SessionAlias>& rules) {
  HandedOut values;
  std::optional<boost::json::value> document;
  for (const SessionAlias& rule : rules) {
    if (!rule.cookie.empty()) {
      values.push_back(set_cookie(response, rule.cookie));
      continue;
    }
    if (!document) document = parse_body(response);
    values.push_back(string_at(*document, rule.json_path));
  }
  return values;
}

void AliasTable::learn(const HandedOut& original, const HandedOut& own) {
  for (std::size_t i = 0; i < std::min(original.size(), own.size()); ++i) {
    if (!original[i] || !own[i] || original[i]->empty() || *original[i] == *own[i]) continue;
    if (!is_harmless(*own[i])) continue;
    if (pairs_.size() >= kMaxPairs) forget_oldest();
    const auto [pair, fresh] = pairs_.insert_or_assign(*original[i], *own[i]);
    if (!fresh) continue;
    by_age_.push_back(pair->first);
    if (pair->first.size() < kMinFreeText) continue;
    by_prefix_[pair->first.substr(0, kMinFreeText)].push_back(pair->first);
    maybe_[slot_of(pair->first)] = true;
  }
}

void AliasTable::forget_oldest() {
  const std::string value = std::move(by_age_.front());
  by_age_.pop_front();
  pairs_.erase(value);
  const auto prefix = by_prefix_.find(value.substr(0, kMinFreeText));
  if (prefix == by_prefix_.end()) return;
  std::erase(prefix->second, value);
  if (prefix->second.empty()) by_prefix_.erase(prefix);
}

// Of its first kMinFreeText bytes: a scan must not hash a string at each position.
std::size_t AliasTable::slot_of(std::string_view text) {
  std::uint64_t prefix = 0;
  static_assert(sizeof prefix == kMinFreeText);
  std::memcpy(&prefix, text.data(), sizeof prefix);
  return mix(prefix) & 0xffff;
}

const std::string* AliasTable::longest_at(std::string_view text, std::size_t& length) const {
  if (!maybe_[slot_of(text)]) return nullptr;
  const auto found = by_prefix_.find(std::string(text.substr(0, kMinFreeText)));
  if (found == by_prefix_.end()) return nullptr;
  const std::string* best = nullptr;
  length = 0;
  for (const std::string& value : found->second) {
    if (!text.starts_with(value) || value.size() <= length) continue;
    length = value.size();
    best = &pairs_.at(value);
  }
  return best;
}

std::string AliasTable::apply(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  while (text.size() >= kMinFreeText && !by_prefix_.empty()) {
    std::size_t length = 0;
    if (const std::string* own = longest_at(text, length)) {
      out.append(*own);
      text.remove_prefix(length);
    } else {
      out.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  out.append(text);
  return out;
}

std::string AliasTable::apply_cookies(std::string_view line) const {
  std::string out;
  while (true) {
    const auto semicolon = line.find(';');
    const std::string_view pair = line.substr(0, semicolon);
    const auto start = std::min(pair.find_first_not_of(' '), pair.size());
    const auto equals = pair.find('=');
    const bool named =
        equals != std::string_view::npos &&
        std::any_of(rules_->begin(), rules_->end(), [&](const SessionAlias& rule) {
          return !rule.cookie.empty() && rule.cookie == pair.substr(start, equals - start);
        });
    const auto found = named ? pairs_.find(std::string(pair.substr(equals + 1))) : pairs_.end();
    if (found != pairs_.end()) {
      out.append(pair.substr(0, equals + 1)).append(found->second);
    } else {
      out.append(apply(pair));
    }
    if (semicolon == std::string_view::npos) return out;
    out.push_back(';');
    line.remove_prefix(semicolon + 1);
  }
}

}  // namespace shadowtap::shadow
