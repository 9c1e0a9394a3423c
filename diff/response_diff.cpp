#include "diff/response_diff.h"

#include "diff/body_diff.h"
#include "diff/header_diff.h"
#include "diff/named_diff.h"

namespace shadowtap::diff {
namespace {

void diff_status(const ResponseView& left, const ResponseView& right,
                 const RuleSet::Compiled& rules, Report& report) {
  if (left.status == 0 || right.status == 0) return;
  const std::string l = std::to_string(left.status);
  const std::string r = std::to_string(right.status);
  NamedDiff(RulePath::Into::kStatus, rules, report)
      .compare("", l, r, left.status == right.status, Kind::kStatus);
}

void diff_bodies(const ResponseView& left, const ResponseView& right,
                 const RuleSet::Compiled& rules, Report& report, Differences& result) {
  const Media l = media_of(left);
  const Media r = media_of(right);
  result.media = l;
  if (left.body == right.body) return;
  const BodyPair bodies{left.body, right.body};
  const bool json = l == Media::kJson || r == Media::kJson;
  const bool sequence = l == Media::kNdjson && r == Media::kNdjson;
  if ((json || sequence) &&
      diff_json_bodies(bodies, sequence, rules, report) == BodyCompared::kDone) {
    return;
  }
  if (l == Media::kBinary || r == Media::kBinary) {
    result.media = Media::kBinary;
    return diff_binary(bodies, rules, report);
  }
  if (json || sequence) report.note("the bodies are not JSON; compared as text");
  result.media = Media::kText;
  diff_text(bodies, rules, report);
}

Differences compare_once(const ResponseView& left, const ResponseView& right,
                         const RuleSet::Compiled& rules, const Budget& budget,
                         const MapLikePaths* map_like) {
  Differences result;
  Report report(result, budget, map_like);
  diff_status(left, right, rules, report);
  diff_headers(left.headers, right.headers, {RulePath::Into::kHeader, left.head && right.head},
               rules, report);
  diff_bodies(left, right, rules, report, result);
  diff_headers(left.trailers, right.trailers, {RulePath::Into::kTrailer, false}, rules, report);
  result.equal = result.all.empty() && !result.truncated;
  return result;
}

}  // namespace

Media media_of(const ResponseView& response) {
  return media_of(parse_content_type(header_value(response.headers, "content-type")),
                  response.body);
}

Differences compare(const ResponseView& left, const ResponseView& right, const RuleSet& rules,
                    const Budget& budget, const MapLikePaths* map_like) {
  Differences result = compare_once(left, right, rules.compiled(), budget, map_like);
  if (result.equal && !rules.compiled().empty()) {
    static const auto kNoRules = RuleSet::none();
    Budget one = budget;
    one.max_differences = 1;
    result.ignored = !compare_once(left, right, kNoRules->compiled(), one, nullptr).equal;
  }
  return result;
}

}  // namespace shadowtap::diff
