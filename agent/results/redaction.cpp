#include "agent/results/redaction.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <span>

#include "agent/base/ascii.h"
#include "agent/base/text.h"
#include "agent/http/decode.h"
#include "agent/results/body_kind.h"
#include "agent/results/json_redaction.h"
#include "agent/results/keyed_hash.h"
#include "agent/results/markup_redaction.h"

namespace shadowtap::results {
namespace {

constexpr std::string_view kSecretKeys[] = {"password",      "passwd",  "secret",        "token",
                                            "access_token",  "api_key", "refresh_token", "session",
                                            "authorization"};
constexpr std::string_view kSecretHeaders[] = {"authorization", "proxy-authorization"};
// Of cookies; a cookie's own name may hold dots.
constexpr std::string_view kCookieAttributes[] = {"path",     "domain",   "expires",  "max-age",    "secure",
                                                  "httponly", "samesite", "priority", "partitioned"};
constexpr int kMaxNestedParts = 4;

std::array<std::uint64_t, 2> random_key() {
  std::array<std::uint64_t, 2> key{};
  // Only fails where the kernel has no randomness yet, long before an agent starts.
  if (getrandom(key.data(), sizeof key, 0) != static_cast<long>(sizeof key)) std::abort();
  return key;
}

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view one) { return equal_ignoring_case(one, name); });
}

bool is_telling(std::string_view name) { return is_one_of(kSecretKeys, name); }

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const std::string hex(text.substr(i + 1, 2));
    out += static_cast<char>(std::stoi(hex, nullptr, 16));
    i += 2;
  }
  return out;
}

// "user[password]" is about "password", and so is "password[]".
std::string_view innermost(std::string_view field) {
  while (field.ends_with("[]")) field.remove_suffix(2);
  if (!field.ends_with(']')) return field;
  field.remove_suffix(1);
  return field.substr(field.rfind('[') + 1);  // npos + 1 is 0
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

Redactor::Redactor(const RedactionOptions& options, std::array<std::uint64_t, 2> key)
    : key_(key), paths_(options.paths) {}

std::string Redactor::mark(std::string_view secret) const {
  return fmt::format("redacted:{:08x}", keyed_hash(key_, secret) & 0xffffffff);
}

std::string Redactor::withheld(std::string_view body) const {
  return fmt::format("{} ({} bytes that cannot be read)", mark(body), body.size());
}

bool Redactor::is_secret_key(std::string_view name) const {
  return is_telling(name) || paths_.contain_name(name);
}

bool Redactor::is_secret_field(std::string_view name) const {
  return is_telling(name) || is_telling(innermost(name)) || paths_.contain("form." + std::string(name));
}

bool Redactor::is_secret_place(std::string_view path) const {
  if (paths_.contain(path)) return true;
  const std::string plain = plain_path(path);
  const auto steps = steps_of(plain);
  if (steps.empty()) return false;
  if (steps.front() == "cookies") return steps.size() < 3 || !is_one_of(kCookieAttributes, steps.back());
  if (steps.front() == "headers" || steps.front() == "trailers") return is_telling(steps.back());
  const bool markup = plain.starts_with('/');
  return std::any_of(steps.begin(), steps.end(), [&](std::string_view step) {
    return is_telling(markup ? local_name(step) : step);
  });
}

std::string Redactor::header(std::string_view name, std::string_view value) const {
  if (is_one_of(kSecretHeaders, name)) {
    const std::size_t space = value.find(' ');  // the scheme may stay
    if (space == std::string_view::npos) return mark(value);
    return std::string(value.substr(0, space + 1)) + mark(value.substr(space + 1));
  }
  if (equal_ignoring_case(name, "cookie")) return cookies(*this, value);
  if (equal_ignoring_case(name, "set-cookie")) return set_cookie(*this, value);
  if (is_telling(name) || paths_.contain("headers." + to_lower(name))) return mark(value);
  if (equal_ignoring_case(name, "location") || equal_ignoring_case(name, "referer")) {
    return target(value);
  }
  return std::string(value);
}

std::string Redactor::target(std::string_view target) const {
  const std::size_t hash = target.find('#');  // behind it, tokens are handed to a page
  if (hash != std::string_view::npos) {
    return this->target(target.substr(0, hash)) + '#' + form(target.substr(hash + 1));
  }
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
    const bool named = equals != std::string_view::npos;
    const bool secret = named && is_secret_field(percent_decoded(pair.substr(0, equals)));
    out += secret ? std::string(pair.substr(0, equals + 1)) + mark(pair.substr(equals + 1)) : std::string(pair);
    if (end == text.size()) return out;
    out += '&';
    text.remove_prefix(end + 1);
  }
}

std::string Redactor::json(std::string_view text, const std::vector<std::string>& roots) const {
  JsonSecrets secrets;
  secrets.is_secret_name = [this](std::string_view name) { return is_secret_key(name); };
  secrets.is_secret_path = [this](std::string_view path) { return paths_.contain(path); };
  secrets.mark = [this](std::string_view value) { return mark(value); };
  secrets.longest_path = paths_.longest();
  secrets.roots = roots;
  return redact_json(text, secrets);
}

std::string Redactor::markup(std::string_view text, bool is_document) const {
  MarkupSecrets secrets;
  secrets.is_element = [this](std::string_view name) {
    return is_telling(name) || paths_.contain_element(name);
  };
  secrets.is_attribute = [this](std::string_view element, std::string_view name) {
    return is_telling(name) || paths_.contain_attribute(element, name);
  };
  secrets.mark = [this](std::string_view value) { return mark(value); };
  return redact_markup(text, is_document, secrets);
}

// A name may stand in any of these notations, whatever the type says.
std::string Redactor::text(std::string_view type, std::string_view text,
                           const std::vector<std::string>& roots) const {
  std::string out = json(text, roots);
  if (is_form(type, text)) out = form(out);
  return contains(out, "<") || contains(out, "\\u003") ? markup(out, is_markup(type, text)) : out;
}

std::string Redactor::part(const Part& part, int depth) const {
  const std::string before = text("text/plain", part.before, {"$"});
  if (part.content.empty()) return before;
  return before + (is_secret_field(part.name) ? mark(part.content)
                                              : body(part.type, part.content, depth + 1));
}

std::optional<std::string> Redactor::multipart(std::string_view content_type,
                                               std::string_view body, int depth) const {
  const bool looks_like_it = body.starts_with("--") && contains(body.substr(0, 4096), "form-data");
  if (!looks_like_it && !contains(to_lower(content_type), "multipart/")) return std::nullopt;
  std::string out;
  const bool has_parts = for_each_part(content_type, body, [&](const Part& one) {
    if (depth < kMaxNestedParts) out += part(one, depth);
  });
  if (!has_parts) return std::nullopt;
  return depth < kMaxNestedParts ? out : withheld(body);
}

std::optional<std::string> Redactor::wide(std::string_view content_type,
                                          std::string_view body) const {
  const std::string charset = wide_charset(content_type, body);
  if (charset.empty()) return std::nullopt;
  const std::string_view units = body.substr(0, body.size() / 2 * 2);
  auto plain = http::to_utf8(charset, units);
  // Cut inside a pair of surrogates.
  if (!plain && units.size() > 2) plain = http::to_utf8(charset, units.substr(0, units.size() - 2));
  if (!plain && http::charset_of(content_type) == charset) return withheld(body);
  if (!plain) return std::nullopt;
  std::string redacted = text(to_lower(content_type), *plain, {"$", "$[*]"});
  if (redacted == *plain) return std::nullopt;
  return redacted;
}

std::string Redactor::body(std::string_view content_type, std::string_view body, int depth) const {
  if (auto redacted = multipart(content_type, body, depth)) return std::move(*redacted);
  if (auto redacted = wide(content_type, body)) return std::move(*redacted);
  const std::string type = to_lower(content_type);
  if (is_media(type, body)) return std::string(body);
  // Of several documents in a row each is one of "$[*]".
  return text(type, body, {"$", "$[*]"});
}

std::string Redactor::body(std::string_view content_type, std::string_view body) const {
  return body.empty() ? std::string() : this->body(content_type, body, 0);
}

std::string Redactor::value(std::string_view path, std::string_view aggregated,
                            std::string_view value) const {
  if (value.empty()) return {};
  if (is_secret_place(path) || is_secret_place(aggregated)) return mark(value);
  if (path.starts_with("headers.")) return header(path.substr(8), value);
  if (path.starts_with('$') && path != "$") return text({}, value, {plain_path(path)});
  // A field or a text may hold a whole document.
  return body({}, value);
}

}  // namespace shadowtap::results
