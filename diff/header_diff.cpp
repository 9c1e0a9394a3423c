#include "diff/header_diff.h"

#include <algorithm>
#include <array>

#include "diff/named_diff.h"
#include "diff/text.h"

namespace shadowtap::diff {
namespace {

using Values = std::vector<std::string_view>;

// One header's lines on both sides, in order.
struct Header {
  std::string name;  // lower-case
  Values left;
  Values right;
};

constexpr std::array<std::string_view, 14> kNeverCompared = {
    "age", "connection", "content-encoding", "date", "keep-alive", "proxy-authenticate",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    "via", "x-shadowtap"};
// Of those, what is about the response itself and may be asked for.
constexpr std::array<std::string_view, 3> kOnlyByDefault = {"age", "date", "via"};

constexpr std::array<std::string_view, 6> kUnordered = {
    "access-control-allow-headers", "access-control-allow-methods",
    "access-control-expose-headers", "allow", "cache-control", "vary"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_left_out(const std::string& name, const HeaderDiffOptions& options,
                 const RuleSet::Compiled& rules) {
  if (name == "content-length") return !options.head;
  const auto& ignored = rules.ignored_headers;
  if (std::find(ignored.begin(), ignored.end(), name) != ignored.end()) return true;
  if (!contains(kNeverCompared, name)) return false;
  return rules.default_ignored_headers || !contains(kOnlyByDefault, name);
}

bool is_unordered(const std::string& name, const RuleSet::Compiled& rules) {
  if (contains(kUnordered, name) || name.starts_with("accept-")) return true;
  return std::any_of(rules.rules.begin(), rules.rules.end(), [&](const CompiledRule& rule) {
    return rule.action == CompiledRule::Action::kUnordered &&
           rule.path.names(RulePath::Into::kHeader, name);
  });
}

// RFC 9110 section 5.3: several lines are one list.
std::string joined(const Values& values) {
  std::string text;
  for (const auto value : values) {
    if (!text.empty()) text += ", ";
    text += value;
  }
  return text;
}

std::vector<std::string> sorted_items(const std::string& name, const Values& values) {
  std::vector<std::string> items;
  for (const auto value : values) {
    for (const auto item : split(value, ',')) {
      if (item.empty()) continue;
      items.push_back(name == "allow" ? std::string(item) : to_lower(item));
    }
  }
  std::sort(items.begin(), items.end());
  return items;
}

// The type without charset and boundary: those belong to the body.
std::string bare_type(std::string_view value) {
  std::string bare;
  for (const auto part : split(value, ';')) {
    const std::string text = to_lower(part);
    if (text.empty() || text.starts_with("charset=") || text.starts_with("boundary=")) continue;
    if (!bare.empty()) bare += ';';
    bare += text;
  }
  return bare;
}

bool equal_values(const Header& h, const std::string& left, const std::string& right,
                  const RuleSet::Compiled& rules) {
  if (left == right) return true;
  if (h.name == "content-type") return bare_type(left) == bare_type(right);
  return is_unordered(h.name, rules) &&
         sorted_items(h.name, h.left) == sorted_items(h.name, h.right);
}

// The lines of every name whose lines are not the same on both sides: most are, and what
// is equal to the byte is equal under every rule.
struct Differing {
  Differing(std::span<const HeaderLine> l, std::span<const HeaderLine> r) : left(l), right(r) {
    const auto same_name = [](const HeaderLine& a, const HeaderLine& b) {
      return equal_ignoring_case(a.name, b.name);
    };
    if (!std::equal(l.begin(), l.end(), r.begin(), r.end(), same_name)) return;
    for (std::size_t i = 0; i < l.size(); ++i) {
      if (!differs(l, r, l[i].name)) continue;
      kept_left.push_back(l[i]);
      kept_right.push_back(r[i]);
    }
    left = kept_left;
    right = kept_right;
  }
  Differing(const Differing&) = delete;

  static bool differs(std::span<const HeaderLine> l, std::span<const HeaderLine> r,
                      std::string_view name) {
    for (std::size_t i = 0; i < l.size(); ++i) {
      if (l[i].value != r[i].value && equal_ignoring_case(l[i].name, name)) return true;
    }
    return false;
  }

  std::span<const HeaderLine> left;
  std::span<const HeaderLine> right;
  std::vector<HeaderLine> kept_left;
  std::vector<HeaderLine> kept_right;
};

std::vector<Header> by_name(std::span<const HeaderLine> left,
                            std::span<const HeaderLine> right) {
  std::vector<Header> headers;
  const auto entry = [&](std::string_view name) -> Header& {
    for (auto& h : headers) {
      if (equal_ignoring_case(h.name, name)) return h;
    }
    return headers.emplace_back(Header{to_lower(name), {}, {}});
  };
  for (const auto& line : left) entry(line.name).left.push_back(trim(line.value));
  for (const auto& line : right) entry(line.name).right.push_back(trim(line.value));
  return headers;
}

}  // namespace

std::string_view header_value(std::span<const HeaderLine> headers, std::string_view name) {
  for (const auto& line : headers) {
    if (equal_ignoring_case(line.name, name)) return trim(line.value);
  }
  return {};
}

void diff_headers(std::span<const HeaderLine> left, std::span<const HeaderLine> right,
                  const HeaderDiffOptions& options, const RuleSet::Compiled& rules,
                  Report& report) {
  const Differing differing(left, right);
  if (differing.left.empty() && differing.right.empty()) return;
  NamedDiff named(options.into, rules, report);
  for (const Header& h : by_name(differing.left, differing.right)) {
    if (report.stopped()) return;
    if (is_left_out(h.name, options, rules)) continue;
    if (h.name == "set-cookie" && options.into == RulePath::Into::kHeader) {
      if (rules.ignored(options.into, h.name) != kAllKinds) {
        diff_cookies(h.left, h.right, rules, report);
      }
      continue;
    }
    const std::string l = joined(h.left);
    const std::string r = joined(h.right);
    const auto side = [](const Values& values, const std::string& text) {
      return values.empty() ? std::nullopt : std::optional<std::string_view>(text);
    };
    named.compare(h.name, side(h.left, l), side(h.right, r), equal_values(h, l, r, rules));
  }
}

}  // namespace shadowtap::diff
