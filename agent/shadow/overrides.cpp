#include "agent/shadow/overrides.h"

#include <algorithm>
#include <array>

#include "agent/base/text.h"
#include "agent/shadow/path_forms.h"

namespace shadowtap::shadow {
namespace {

constexpr std::array<std::string_view, 3> kMethodHeaders{
    "x-http-method-override", "x-http-method", "x-method-override"};
constexpr std::array<std::string_view, 2> kTargetHeaders{"x-original-url", "x-rewrite-url"};
constexpr std::array<std::string_view, 2> kFields{"_method", "x-http-method-override"};

// To CGI and its heirs "X_HTTP_Method" and "X-HTTP-Method" are one variable.
bool same_variable(std::string_view name, std::string_view known) {
  return name.size() == known.size() &&
         std::equal(name.begin(), name.end(), known.begin(), [](char a, char b) {
           const char lower = a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a;
           return (lower == '_' ? '-' : lower) == b;
         });
}

bool names_one_of(std::string_view name, const auto& known) {
  return std::any_of(known.begin(), known.end(),
                     [name](std::string_view one) { return same_variable(name, one); });
}

// "get, DELETE" names two: which of them counts is the server's affair.
void add_methods(std::string_view value, std::vector<std::string>& methods) {
  while (!value.empty()) {
    const auto comma = std::min(value.find(','), value.size());
    std::string method;
    for (const char c : value.substr(0, comma)) {
      if (c == ' ' || c == '\t') continue;
      method.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    }
    if (!method.empty()) methods.push_back(std::move(method));
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
}

void add_from_lines(const http::HeaderList& lines, std::vector<std::string>& methods) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (names_one_of(lines.name(i), kMethodHeaders)) add_methods(lines.value(i), methods);
  }
}

void add_from_pairs(std::string_view pairs, std::vector<std::string>& methods) {
  while (!pairs.empty()) {
    const auto end = std::min(pairs.find_first_of("&;"), pairs.size());
    const std::string_view pair = pairs.substr(0, end);
    pairs.remove_prefix(std::min(end + 1, pairs.size()));
    const auto equals = std::min(pair.find('='), pair.size());
    const std::string name = to_lower(percent_decoded(pair.substr(0, equals)));
    if (std::find(kFields.begin(), kFields.end(), name) == kFields.end()) continue;
    if (equals < pair.size()) add_methods(percent_decoded(pair.substr(equals + 1)), methods);
  }
}

// The part's value is what follows its head's empty line.
void add_from_parts(std::string_view body, std::vector<std::string>& methods) {
  for (std::size_t at = body.find("_method"); at != std::string_view::npos;
       at = body.find("_method", at + 1)) {
    const auto empty_line = body.find("\r\n\r\n", at);
    if (empty_line == std::string_view::npos) return;
    const std::string_view value = body.substr(empty_line + 4);
    add_methods(value.substr(0, std::min(value.find("\r\n"), std::size_t{64})), methods);
  }
}

void add_from_form(const http::Request& request, std::vector<std::string>& methods) {
  const std::string_view body = request.body.bytes;
  const std::string type = to_lower(request.headers.find("content-type").value_or(""));
  if (type.starts_with("application/x-www-form-urlencoded")) add_from_pairs(body, methods);
  if (type.starts_with("multipart/")) add_from_parts(body, methods);
}

}  // namespace

std::vector<std::string> overriding_methods(const http::Request& request) {
  std::vector<std::string> methods;
  add_from_lines(request.headers, methods);
  add_from_lines(request.trailers, methods);
  const auto question = request.target.find('?');
  if (question != std::string::npos) {
    add_from_pairs(std::string_view(request.target).substr(question + 1), methods);
  }
  if (!request.body.bytes.empty()) add_from_form(request, methods);
  return methods;
}

std::vector<std::string_view> overriding_targets(const http::Request& request) {
  std::vector<std::string_view> targets;
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    if (names_one_of(request.headers.name(i), kTargetHeaders)) {
      targets.push_back(request.headers.value(i));
    }
  }
  return targets;
}

}  // namespace shadowtap::shadow
