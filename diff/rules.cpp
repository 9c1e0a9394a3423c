#include "diff/rules.h"

#include <re2/re2.h>

#include "diff/compiled_rules.h"
#include "diff/number.h"
#include "diff/text.h"

namespace shadowtap::diff {
namespace {

using Action = CompiledRule::Action;

// What names a rule in an error: its list, its place in it, its path.
struct Where {
  std::string_view list;
  std::size_t index;
  std::string_view path;

  std::string say(const std::string& what) const {
    return std::string(list) + "[" + std::to_string(index) + "] '" + std::string(path) +
           "': " + what;
  }
};

bool start(const Where& where, Action action, CompiledRule& rule, std::string& error) {
  rule.action = action;
  std::string why;
  if (parse_rule_path(where.path, rule.path, why)) return true;
  error = where.say(why);
  return false;
}

bool finish(const Where& where, const IgnoreRule& from, CompiledRule& rule,
            std::string& error) {
  constexpr Kinds kPresence = bit(Kind::kMissing) | bit(Kind::kExtra);
  rule.kinds = from.presence_only ? kPresence : kAllKinds;
  if (from.kind.empty()) return true;
  const auto kind = kind_from(from.kind);
  if (!kind) {
    error = where.say("unknown kind '" + from.kind + "'");
    return false;
  }
  rule.kinds = bit(*kind);
  return true;
}

bool finish(const Where& where, const UnorderedRule& from, CompiledRule& rule,
            std::string& error) {
  if (rule.path.into != RulePath::Into::kJson && rule.path.into != RulePath::Into::kHeader) {
    error = where.say("only arrays and headers can be unordered");
    return false;
  }
  if (!from.key.empty()) rule.action = Action::kKeyed;
  rule.key = from.key;
  return true;
}

bool finish(const Where& where, const ToleranceRule& from, CompiledRule& rule,
            std::string& error) {
  rule.absolute = from.absolute.value_or(0);
  rule.relative = from.relative.value_or(0);
  if (!(rule.absolute >= 0) || !(rule.relative >= 0)) {
    error = where.say("a tolerance is not negative");
    return false;
  }
  if (!from.time.empty()) {
    const auto time = parse_duration_ns(from.time);
    if (!time) {
      error = where.say("'" + from.time + "' is not a duration such as 500ms or 2s");
      return false;
    }
    rule.time_ns = *time;
  }
  if (from.absolute || from.relative || !from.time.empty()) return true;
  error = where.say("needs absolute, relative or time");
  return false;
}

bool finish(const Where& where, const PatternRule& from, CompiledRule& rule,
            std::string& error) {
  RE2::Options options;
  options.set_log_errors(false);
  auto pattern = std::make_shared<RE2>(from.pattern, options);
  if (!pattern->ok()) {
    error = where.say("pattern: " + pattern->error());
    return false;
  }
  rule.pattern = std::move(pattern);
  return true;
}

template <class Rule>
bool compile_list(std::string_view name, Action action, const std::vector<Rule>& list,
                  std::string_view route, std::vector<CompiledRule>& out,
                  std::string& error) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Where where{name, i, list[i].path};
    CompiledRule rule;
    if (!start(where, action, rule, error) || !finish(where, list[i], rule, error)) {
      return false;
    }
    if (list[i].route.empty() || list[i].route == route) out.push_back(std::move(rule));
  }
  return true;
}

std::optional<std::int64_t> time_of(std::string_view text, bool number) {
  if (!number) return parse_time_ns(text);
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || value > 100'000'000'000'000) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  // Seconds since 1970 have ten digits until 2286, milliseconds thirteen.
  if (value >= 1'000'000'000'000) return value * 1'000'000;
  return value * 1'000'000'000;
}

}  // namespace

RuleSet::RuleSet() : compiled_(std::make_unique<Compiled>()) {}
RuleSet::~RuleSet() = default;

std::shared_ptr<const RuleSet> RuleSet::compile(const Rules& rules, std::string_view route,
                                                std::string& error) {
  std::shared_ptr<RuleSet> set(new RuleSet);
  Compiled& c = *set->compiled_;
  c.mode = rules.mode;
  c.default_ignored_headers = rules.default_ignored_headers;
  for (const auto& name : rules.ignore_headers) c.ignored_headers.push_back(to_lower(name));
  const bool good =
      compile_list("ignore", Action::kIgnore, rules.ignore, route, c.rules, error) &&
      compile_list("unordered", Action::kUnordered, rules.unordered, route, c.rules, error) &&
      compile_list("tolerance", Action::kTolerance, rules.tolerance, route, c.rules, error) &&
      compile_list("pattern", Action::kPattern, rules.pattern, route, c.rules, error);
  return good ? set : nullptr;
}

std::shared_ptr<const RuleSet> RuleSet::none() {
  return std::shared_ptr<const RuleSet>(new RuleSet);
}

bool CompiledRule::forgives(std::string_view left, std::string_view right, bool number) const {
  if (action == Action::kPattern) {
    return RE2::FullMatch(re2::StringPiece(left.data(), left.size()), *pattern) &&
           RE2::FullMatch(re2::StringPiece(right.data(), right.size()), *pattern);
  }
  if (number && (absolute > 0 || relative > 0) &&
      numbers_within(left, right, absolute, relative)) {
    return true;
  }
  if (time_ns <= 0) return false;
  const auto x = time_of(left, number);
  const auto y = time_of(right, number);
  if (!x || !y) return false;
  std::int64_t apart = 0;
  return !__builtin_sub_overflow(*x, *y, &apart) && apart <= time_ns && apart >= -time_ns;
}

bool CompiledRule::applies(std::string_view text, bool number) const {
  if (action == Action::kPattern) {
    return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *pattern);
  }
  return (number && (absolute > 0 || relative > 0)) || (time_ns > 0 && time_of(text, number));
}

bool RuleSet::Compiled::has(RulePath::Into into) const {
  for (const auto& rule : rules) {
    if (rule.path.into == into) return true;
  }
  return false;
}

Kinds RuleSet::Compiled::ignored(RulePath::Into into, std::string_view name) const {
  Kinds kinds = 0;
  for (const auto& rule : rules) {
    if (rule.action != Action::kIgnore || rule.path.into != into) continue;
    if (rule.path.names(into, name) || into == RulePath::Into::kStatus) kinds |= rule.kinds;
  }
  return kinds;
}

bool RuleSet::Compiled::forgives_value(RulePath::Into into, std::string_view name,
                                       std::string_view left, std::string_view right) const {
  for (const auto& rule : rules) {
    if (rule.action != Action::kTolerance && rule.action != Action::kPattern) continue;
    if (!rule.path.names(into, name)) continue;
    if (rule.forgives(left, right, is_number(left) && is_number(right))) return true;
  }
  return false;
}

Kinds RuleSet::Compiled::ignored_at(RulePath::Into into, std::size_t number) const {
  Kinds kinds = 0;
  for (const auto& rule : rules) {
    if (rule.action != Action::kIgnore || rule.path.into != into) continue;
    if (rule.path.any_number || rule.path.number == number) kinds |= rule.kinds;
  }
  return kinds;
}

}  // namespace shadowtap::diff
