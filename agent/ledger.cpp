#include "agent/ledger.h"

#include <algorithm>

namespace shadowtap {
namespace {

bool shows(const diff::Differences& control, const diff::Difference& wanted) {
  return std::any_of(control.all.begin(), control.all.end(), [&wanted](const diff::Difference& one) {
    return one.aggregated == wanted.aggregated && one.kind == wanted.kind;
  });
}

Unreported outcome_of(const results::Compared& compared) {
  const diff::Differences& found = compared.candidate;
  if (found.equal) return found.ignored ? Unreported::kIgnored : Unreported::kMatch;
  const bool noise = compared.control && !found.all.empty() &&
                     std::all_of(found.all.begin(), found.all.end(), [&](const auto& one) {
                       return shows(*compared.control, one);
                     });
  return noise ? Unreported::kNoise : Unreported::kMismatch;
}

}  // namespace

std::optional<Controlled> controlled_by(const results::Comparison& comparison) {
  const auto* compared = std::get_if<results::Compared>(&comparison.ending);
  if (compared == nullptr) return std::nullopt;
  if (!compared->control) return Controlled::kNone;
  return comparison.secondary_speaks ? Controlled::kSecondary : Controlled::kSkewed;
}

const char* to_string(Unreported outcome) {
  switch (outcome) {
    case Unreported::kMatch: return "match";
    case Unreported::kNoise: return "noise";
    case Unreported::kIgnored: return "ignored";
    case Unreported::kMismatch: return "mismatch";
    case Unreported::kError: return "error";
    case Unreported::kNotCompared: return "not_compared";
    case Unreported::kCount_: break;
  }
  return "";
}

Unreported unreported_as(const results::Ending& ending) {
  if (const auto* compared = std::get_if<results::Compared>(&ending)) return outcome_of(*compared);
  return std::holds_alternative<results::ShadowError>(ending) ? Unreported::kError
                                                              : Unreported::kNotCompared;
}

}  // namespace shadowtap
