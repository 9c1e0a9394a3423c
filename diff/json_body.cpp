#include "diff/body_diff.h"
#include "diff/json_diff.h"

namespace shadowtap::diff {
namespace {

JsonParsed parse(JsonDocument& document, std::string_view text, bool sequence, Report& report) {
  const auto parsed = sequence ? document.parse_sequence(text, report.steps_left())
                               : document.parse(text, report.steps_left());
  report.spend(std::min<std::uint64_t>(document.size(), report.steps_left()));
  return parsed;
}

void report_type(const BodyPair& bodies, const RuleSet::Compiled& rules, Report& report) {
  // Only a rule for the whole document can select it: there are not two of them.
  for (const auto& rule : rules.rules) {
    const bool whole = rule.path.into == RulePath::Into::kJson && rule.path.json.size() == 1 &&
                       rule.path.json[0].segments.empty();
    if (whole && rule.action == CompiledRule::Action::kIgnore &&
        (rule.kinds & bit(Kind::kType)) != 0) {
      return;
    }
  }
  report.add({"$", "$", Kind::kType, report.shown(bodies.left), report.shown(bodies.right), ""});
}

}  // namespace

BodyCompared diff_json_bodies(const BodyPair& bodies, bool sequence,
                              const RuleSet::Compiled& rules, Report& report) {
  JsonDocument left;
  JsonDocument right;
  const auto l = parse(left, bodies.left, sequence, report);
  const auto r = parse(right, bodies.right, sequence, report);
  if (l == JsonParsed::kTooLarge || r == JsonParsed::kTooLarge) {
    report.truncate();
    report.note("too large to be compared as JSON");
    return BodyCompared::kDone;
  }
  if (l == JsonParsed::kNotJson && r == JsonParsed::kNotJson) return BodyCompared::kNotIt;
  if (l != r) {
    report_type(bodies, rules, report);
    return BodyCompared::kDone;
  }
  JsonSide left_side(left, rules);
  JsonSide right_side(right, rules);
  JsonDiff(left_side, right_side, report).run();
  return BodyCompared::kDone;
}

}  // namespace shadowtap::diff
