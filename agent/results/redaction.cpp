#include "agent/results/redaction.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>

#include "agent/base/text.h"
#include "agent/results/json_redaction.h"
#include "agent/results/keyed_hash.h"

namespace shadowtap::results {
namespace {

constexpr std::string_view kSecretKeys[] = {"password",      "passwd",  "secret",        "token",
                                            "access_token",  "api_key", "refresh_token", "session",
                                            "authorization"};
constexpr std::string_view kSecretHeaders[] = {"authorization", "proxy-authorization"};

std::array<std::uint64_t, 2> random_key() {
  std::array<std::uint64_t, 2> key{};
  // Only fails where the kernel has no randomness yet, long before an agent starts.
  if (getrandom(key.data(), sizeof key, 0) != static_cast<long>(sizeof key)) std::abort();
  return key;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// "$.items[3].x" -> "$.items[*].x"
std::string without_indexes(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    out += path[i];
    if (path[i] != '[' || i + 1 >= path.size() || path[i + 1] < '0' || path[i + 1] > '9') continue;
    while (i + 1 < path.size() && path[i + 1] != ']') ++i;
    out += '*';
  }
  return out;
}

// The last name in a path of any notation: "$.a.token", "form.token", "$['token']".
std::string_view last_name(std::string_view path) {
  while (path.ends_with("[*]")) path.remove_suffix(3);
  if (path.ends_with("']")) {
    path.remove_suffix(2);
    const std::size_t quote = path.rfind("['");
    return quote == std::string_view::npos ? path : path.substr(quote + 2);
  }
  const std::size_t at = path.find_last_of("./@|");
  return at == std::string_view::npos ? path : path.substr(at + 1);
}

// "name=value; Path=/" -> the value goes, the attributes stay.
std::string set_cookie(const Redactor& redactor, std::string_view value) {
  const std::size_t equals = value.find('=');
  const std::size_t end = value.find(';');
  if (equals == std::string_view::npos || equals > end) return redactor.mark(value);
  const std::size_t stop = end == std::string_view::npos ? value.size() : end;
  return std::string(value.substr(0, equals + 1)) +
         redactor.mark(value.substr(equals + 1, stop - equals - 1)) + std::string(value.substr(stop));
}

std::string cookies(const Redactor& redactor, std::string_view value) {
  std::string out;
  while (!value.empty()) {
    const std::size_t end = std::min(value.find(';'), value.size());
    if (!out.empty()) out += ';';
    out += set_cookie(redactor, value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return out;
}

}  // namespace

Redactor::Redactor(const RedactionOptions& options) : Redactor(options, random_key()) {}

Redactor::Redactor(const RedactionOptions& options, std::array<std::uint64_t, 2> key) : key_(key) {
  for (const std::string& path : options.paths) paths_.push_back(without_indexes(path));
}

std::string Redactor::mark(std::string_view secret) const {
  return fmt::format("redacted:{:08x}", keyed_hash(key_, secret) & 0xffffffff);
}

bool Redactor::is_secret_name(std::string_view name) const {
  return std::any_of(std::begin(kSecretKeys), std::end(kSecretKeys),
                     [&](std::string_view key) { return equal_ignoring_case(key, name); });
}

bool Redactor::is_secret_path(std::string_view path) const {
  const std::string plain = without_indexes(path);
  for (const std::string& configured : paths_) {
    if (plain == configured) return true;
    // Below a configured path everything is secret too.
    if (plain.size() > configured.size() && plain.starts_with(configured) &&
        contains(".[|/@", plain.substr(configured.size(), 1))) {
      return true;
    }
    // "$..name" names it at any depth.
    if (configured.starts_with("$..") && last_name(plain) == configured.substr(3)) return true;
  }
  return false;
}

std::string Redactor::header(std::string_view name, std::string_view value) const {
  for (const std::string_view secret : kSecretHeaders) {
    if (!equal_ignoring_case(secret, name)) continue;
    const std::size_t space = value.find(' ');  // the scheme may stay
    if (space == std::string_view::npos) return mark(value);
    return std::string(value.substr(0, space + 1)) + mark(value.substr(space + 1));
  }
  if (equal_ignoring_case(name, "cookie")) return cookies(*this, value);
  if (equal_ignoring_case(name, "set-cookie")) return set_cookie(*this, value);
  if (is_secret_name(name) || is_secret_path("headers." + to_lower(name))) return mark(value);
  if (equal_ignoring_case(name, "location") || equal_ignoring_case(name, "referer")) {
    return target(value);
  }
  return std::string(value);
}

std::string Redactor::target(std::string_view target) const {
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos) return std::string(target);
  return std::string(target.substr(0, question + 1)) + form(target.substr(question + 1));
}

std::string Redactor::form(std::string_view text) const {
  std::string out;
  while (true) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    const std::size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    const bool secret = equals != std::string_view::npos &&
                        (is_secret_name(name) || is_secret_path("form." + std::string(name)));
    out += secret ? std::string(name) + "=" + mark(pair.substr(equals + 1)) : std::string(pair);
    if (end == text.size()) return out;
    out += '&';
    text.remove_prefix(end + 1);
  }
}

// Each part whose name is a secret one loses its content; boundaries stay.
std::string Redactor::multipart(std::string_view text) const {
  const std::string boundary(text.substr(0, text.find_first_of("\r\n")));
  if (!boundary.starts_with("--")) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const std::size_t next = text.find(boundary, boundary.size());
    const std::string_view part = text.substr(0, next);
    const std::size_t name = part.find("name=\"");
    const std::size_t head = part.find("\r\n\r\n");
    const bool named = name != std::string_view::npos && head != std::string_view::npos && name < head;
    const std::size_t from = name + 6;
    if (named && is_secret_name(part.substr(from, part.find('"', from) - from))) {
      out += std::string(part.substr(0, head + 4)) + mark(part.substr(head + 4)) + "\r\n";
    } else {
      out += part;
    }
    if (next == std::string_view::npos) return out;
    text.remove_prefix(next);
  }
  return out;
}

std::string Redactor::json(std::string_view text) const {
  JsonSecrets secrets{
      [this](std::string_view name) { return is_secret_name(name); },
      {},
      [this](std::string_view value) { return mark(value); }};
  if (!paths_.empty()) {
    secrets.is_secret_path = [this](std::string_view path) { return is_secret_path(path); };
  }
  return redact_json(text, secrets);
}

std::string Redactor::body(std::string_view content_type, std::string_view body) const {
  const std::string type = to_lower(content_type);
  if (contains(type, "json")) return json(body);
  if (contains(type, "x-www-form-urlencoded")) return form(body);
  if (contains(type, "multipart/")) return multipart(body);
  const std::size_t start = body.find_first_not_of(" \t\r\n");
  if (start != std::string_view::npos && (body[start] == '{' || body[start] == '[')) {
    return json(body);
  }
  const bool looks_like_form = type.empty() && contains(body, "=") && !contains(body, " ") &&
                               !contains(body, "\n") && !contains(body, "<");
  return looks_like_form ? form(body) : std::string(body);
}

std::string Redactor::value(std::string_view path, std::string_view aggregated,
                            std::string_view value) const {
  if (value.empty()) return {};
  const bool cookie = path.starts_with("cookies.") && path.find('.', 8) == std::string_view::npos;
  if (cookie || is_secret_name(last_name(aggregated)) || is_secret_path(path)) return mark(value);
  if (path.starts_with("headers.")) return header(path.substr(8), value);
  // A text may hold a whole document: a line of a form or of JSON.
  return body({}, value);
}

}  // namespace shadowtap::results
