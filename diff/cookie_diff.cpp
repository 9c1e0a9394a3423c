// Set-Cookie (RFC 6265): cookies are paired by name; of one name, in their order.
#include <algorithm>
#include <optional>

#include "diff/header_diff.h"
#include "diff/named_diff.h"
#include "diff/text.h"

namespace shadowtap::diff {
namespace {

struct Attribute {
  std::string name;  // lower-case
  std::string_view value;
};

struct Cookie {
  std::string_view line;
  std::string_view name;
  std::string_view value;
  std::vector<Attribute> attributes;
};

Cookie parse(std::string_view line) {
  Cookie cookie;
  cookie.line = line;
  const auto halves = [](std::string_view part) {
    const auto equals = part.find('=');
    if (equals == part.npos) return std::pair(part, std::string_view());
    return std::pair(trim(part.substr(0, equals)), trim(part.substr(equals + 1)));
  };
  bool first = true;
  while (true) {
    // A quote has no meaning in Set-Cookie, so a semicolon always separates.
    const auto semicolon = line.find(';');
    const auto [name, value] = halves(trim(line.substr(0, semicolon)));
    if (first) {
      cookie.name = name;
      cookie.value = value;
    } else if (!name.empty()) {
      cookie.attributes.push_back({to_lower(name), value});
    }
    first = false;
    if (semicolon == line.npos) return cookie;
    line.remove_prefix(semicolon + 1);
  }
}

std::optional<std::string_view> find(const Cookie& cookie, std::string_view attribute) {
  // RFC 6265 section 5.3: the last one counts.
  for (auto it = cookie.attributes.rbegin(); it != cookie.attributes.rend(); ++it) {
    if (it->name == attribute) return it->value;
  }
  return std::nullopt;
}

bool equal_attribute(std::string_view name, std::string_view a, std::string_view b) {
  if (name == "path" || name == "expires") return a == b;
  if (name == "domain") {  // a leading dot has no meaning (RFC 6265 section 5.2.3)
    if (a.starts_with('.')) a.remove_prefix(1);
    if (b.starts_with('.')) b.remove_prefix(1);
  }
  return equal_ignoring_case(a, b);
}

void compare_attributes(const Cookie& left, const Cookie& right, const std::string& name,
                        NamedDiff& named) {
  std::vector<std::string> names;
  for (const auto& a : left.attributes) names.push_back(a.name);
  for (const auto& a : right.attributes) names.push_back(a.name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const auto& attribute : names) {
    const auto l = find(left, attribute);
    const auto r = find(right, attribute);
    const bool equal = l && r && equal_attribute(attribute, *l, *r);
    named.compare(name + "." + attribute, l, r, equal, Kind::kValue, name);
  }
}

}  // namespace

void diff_cookies(const std::vector<std::string_view>& left,
                  const std::vector<std::string_view>& right, const RuleSet::Compiled& rules,
                  Report& report) {
  NamedDiff named(RulePath::Into::kCookie, rules, report);
  std::vector<Cookie> rest;
  for (const auto line : right) rest.push_back(parse(line));
  for (const auto line : left) {
    const Cookie l = parse(line);
    const std::string name = to_lower(l.name);
    const auto same = std::find_if(rest.begin(), rest.end(),
                                   [&](const Cookie& r) { return r.name == l.name; });
    if (same == rest.end()) {
      named.compare(name, line, std::nullopt, false);
      continue;
    }
    named.compare(name, l.value, same->value, l.value == same->value);
    compare_attributes(l, *same, name, named);
    rest.erase(same);
  }
  for (const Cookie& r : rest) {
    named.compare(to_lower(r.name), std::nullopt, r.line, false);
  }
}

}  // namespace shadowtap::diff
