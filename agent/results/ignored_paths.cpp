#include "agent/results/ignored_paths.h"

#include <algorithm>
#include <string>

#include "agent/results/route_template.h"

namespace shadowtap::results {
namespace {

using Into = diff::RulePath::Into;

constexpr std::size_t kMaxSegments = 64;
// What diff/ compares of a cookie and of a form's part beside its value.
constexpr std::string_view kOfCookies[] = {"domain", "expires",  "httponly", "max-age", "partitioned",
                                           "path",   "priority", "samesite", "secure"};
constexpr std::string_view kOfForms[] = {"content-type", "filename"};

bool is_placeholder(std::string_view segment) {
  return segment.size() >= 2 && segment.front() == '{' && segment.back() == '}';
}

// "/users/{id}" is a rule's "/users/{user}" too.
bool same_route(std::string_view route, std::string_view wanted) {
  const auto a = split_path(route, kMaxSegments);
  const auto b = split_path(wanted, kMaxSegments);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](std::string_view x, std::string_view y) {
    return x == y || (is_placeholder(x) && is_placeholder(y));
  });
}

bool is_about(const diff::IgnoreRule& rule, std::string_view route, diff::Kind kind) {
  if (!rule.route.empty() && !same_route(route, rule.route)) return false;
  if (!rule.kind.empty()) return diff::kind_from(rule.kind) == kind;
  return !rule.presence_only || kind == diff::Kind::kMissing || kind == diff::Kind::kExtra;
}

// Whether a step of a rule selects all that a step of an aggregated path stands for.
bool selects(const diff::JsonSegment& rule, const diff::JsonSegment& step) {
  const diff::JsonSelector& one = step.selectors.front();
  if (one.what == diff::JsonSelector::What::kName) return rule.selects_member(one.name);
  return std::any_of(rule.selectors.begin(), rule.selectors.end(), [](const diff::JsonSelector& selector) {
    return selector.what == diff::JsonSelector::What::kWildcard;
  });
}

bool selects(const diff::MarkupStep& rule, const diff::MarkupStep& step) {
  const bool attribute = step.name.starts_with('@');
  const bool any = rule.name == "*" ? !attribute && step.name != "text()" : rule.name == "@*" && attribute;
  return rule.index == 0 && (any || rule.name == step.name);
}

// Whether the rule's steps lead to the end of the path, or (`above`) to a node on its way.
template <class Step>
bool leads(const std::vector<Step>& rule, std::size_t r, const std::vector<Step>& path, std::size_t p,
           bool above) {
  if (r == rule.size()) return above || p == path.size();
  for (std::size_t i = p; i < path.size(); ++i) {
    if (selects(rule[r], path[i]) && leads(rule, r + 1, path, i + 1, above)) return true;
    if (!rule[r].descendant) return false;
  }
  return false;
}

// A document inside a string is below the string's node.
bool leads_json(const std::vector<diff::JsonPath>& rule, const std::vector<diff::JsonPath>& path) {
  if (rule.size() > path.size()) return false;
  for (std::size_t i = 0; i < rule.size(); ++i) {
    if (!leads(rule[i].segments, 0, path[i].segments, 0, i + 1 == rule.size())) return false;
  }
  return true;
}

// "sid" names "sid.path" too, where `parts` has "path".
template <class Parts>
bool names_part(const std::string& rule, std::string_view name, const Parts& parts) {
  if (name.size() <= rule.size() || !name.starts_with(rule) || name[rule.size()] != '.') return false;
  return std::find(std::begin(parts), std::end(parts), name.substr(rule.size() + 1)) != std::end(parts);
}

bool covers(const diff::RulePath& rule, const diff::RulePath& path) {
  if (rule.into != path.into) return false;
  switch (rule.into) {
    case Into::kStatus: return true;
    case Into::kJson: return leads_json(rule.json, path.json);
    case Into::kMarkup: return leads(rule.markup, 0, path.markup, 0, true);
    case Into::kLine:
    case Into::kByte: return rule.any_number;
    case Into::kCookie:
      return rule.names(path.into, path.name) || names_part(rule.name, path.name, kOfCookies);
    case Into::kForm: return rule.names(path.into, path.name) || names_part(rule.name, path.name, kOfForms);
    case Into::kHeader:
    case Into::kTrailer: break;
  }
  return rule.names(path.into, path.name);
}

}  // namespace

IgnoredPaths::IgnoredPaths(const std::vector<diff::IgnoreRule>& rules) {
  std::string error;
  for (const diff::IgnoreRule& rule : rules) {
    diff::RulePath path;
    if (diff::parse_rule_path(rule.path, path, error)) rules_.push_back({rule, std::move(path)});
  }
}

bool IgnoredPaths::take(std::string_view route, std::string_view aggregated, diff::Kind kind) const {
  if (rules_.empty()) return false;
  diff::RulePath path;
  std::string error;
  if (!diff::parse_rule_path(aggregated, path, error)) return false;  // "other", "truncated"
  return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    return is_about(rule.said, route, kind) && covers(rule.path, path);
  });
}

}  // namespace shadowtap::results
