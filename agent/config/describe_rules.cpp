#include "agent/config/checks.h"
#include "agent/config/describe.h"
#include "agent/config/values.h"
#include "agent/config/reader.h"
#include "agent/config/rules_file.h"

namespace shadowtap::config {

std::string compile_error(const diff::Rules& rules) {
  std::string wrong;
  static_cast<void>(diff::RuleSet::compile(rules, "", wrong));
  return wrong;
}

namespace {

// diff names the rule ("ignore[0] '$.a[': why"); here its place in the file does.
std::string check_path(std::string_view path) {
  diff::Rules rules;
  rules.ignore.emplace_back().path = path;
  std::string wrong = compile_error(rules);
  const std::size_t quote = wrong.find("': ");
  return quote == std::string::npos ? wrong : wrong.substr(quote + 3);
}

// What every rule has: where it holds, and why.
template <class Rule>
void describe_where(Fields& f, Rule& rule) {
  f.require("path");
  checked(f, "path", rule.path, check_path);
  field(f, "route", rule.route);
  field(f, "reason", rule.reason);
  checked(f, "expires", rule.expires, check_time);
}

void describe_kind(Fields& f, std::string& kind) {
  static const std::vector<std::string_view> kKinds{"status", "value", "type",   "missing", "extra",
                                                    "order",  "text",  "binary", "encoding"};
  f.scalar("kind", {[&kind](std::string_view text) { return read_word(text, kKinds, kind); },
                    [&kind]() -> std::optional<std::string> {
                      if (kind.empty()) return std::nullopt;
                      return kind;
                    },
                    true});
}

void describe_ignore(Fields& f, diff::IgnoreRule& rule) {
  describe_where(f, rule);
  describe_kind(f, rule.kind);
  field(f, "presence_only", rule.presence_only);
}

void describe_unordered(Fields& f, diff::UnorderedRule& rule) {
  describe_where(f, rule);
  field(f, "key", rule.key);
}

void describe_tolerance(Fields& f, diff::ToleranceRule& rule) {
  describe_where(f, rule);
  number(f, "absolute", rule.absolute);
  number(f, "relative", rule.relative);
  checked(f, "time", rule.time, check_duration);
}

void describe_pattern(Fields& f, diff::PatternRule& rule) {
  describe_where(f, rule);
  f.require("pattern");
  checked(f, "pattern", rule.pattern, check_pattern);
}

}  // namespace

void describe(Fields& f, diff::Rules& rules) {
  choice(f, "mode", {"strict", "additive", "shape"}, rules.mode);
  structs(f, "ignore", rules.ignore, describe_ignore, "path");
  structs(f, "unordered", rules.unordered, describe_unordered, "path");
  structs(f, "tolerance", rules.tolerance, describe_tolerance);
  structs(f, "pattern", rules.pattern, describe_pattern);
  field(f, "ignore_headers", rules.ignore_headers);
  field(f, "default_ignored_headers", rules.default_ignored_headers);
}

Result<diff::Rules> load_rules(const std::string& path) {
  const Result<Node> root = read_yaml_file(path);
  if (!root) return root.error();
  Complaints complaints{path, {}};
  diff::Rules rules;
  Reader::read(*root, complaints, [&rules](Fields& f) { describe(f, rules); });
  if (complaints.all.empty()) {
    const std::string wrong = compile_error(rules);
    if (!wrong.empty()) complaints.add({}, wrong);
  }
  if (!complaints.all.empty()) return plain_error(complaints.joined());
  return rules;
}

}  // namespace shadowtap::config
