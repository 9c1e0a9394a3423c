#include <fmt/format.h>

#include <cmath>

#include "agent/results/evidence.h"
#include "agent/results/judge.h"

namespace shadowtap::results {
namespace {

// "1.2e+34" or "87.3" from a natural logarithm, also beyond a double's range.
std::string from_log(double log) {
  const double log10 = log / std::log(10.0);
  if (log10 > -4 && log10 < 6) return fmt::format("{:.4g}", std::exp(log));
  const double exponent = std::floor(log10);
  return fmt::format("{:.1f}e{:+.0f}", std::pow(10.0, log10 - exponent), exponent);
}

std::string_view whose(Control control) {
  switch (control) {
    case Control::kSecondary: return "the secondary";
    case Control::kProduction: return "an earlier original of the same request";
    case Control::kItself: return "the candidate's second answer";
    case Control::kNone:
    case Control::kCount_: break;
  }
  return "the original";
}

std::string counted(const ControlCounts& c, std::uint64_t pairs) {
  if (c.control == Control::kNone) {
    return fmt::format("No control: environment and release cannot be told apart. It differed in "
                       "{} of {} exchanges.", c.candidate_only, pairs);
  }
  return fmt::format("Control: {}. Of {} pairs, only the candidate differed in {}, only the control "
                     "in {}, both in {}.", whose(c.control), pairs, c.candidate_only,
                     c.control_only, c.both);
}

std::string evidence(std::uint64_t s, std::uint64_t f, double log_e, std::uint32_t index,
                     double alpha) {
  const double log_w = log_weight(index);
  return fmt::format(" Votes {} : {} (a repeated answer votes once a minute); E = {}, weight {} "
                     "(path number {}), E x w = {}, needed 1/alpha = {:.4g}.",
                     s, f, from_log(log_e), from_log(log_w), index, from_log(log_e + log_w),
                     1 / alpha);
}

std::string latched(const PathRecord& record, const RoutePairs& pairs,
                    const NoiseOptions& options) {
  const Latch& latch = *record.latch;
  std::string text = "Regression. ";
  if (latch.constant) {
    return text + fmt::format("Always differs: in all of {} pairs, while {} never did; seen on {}{} "
                              "request {}. (The rule noise.constant; outside alpha.)",
                              latch.pairs, whose(latch.control), latch.keys,
                              latch.keys >= kMaxKeysNamed ? " or more" : "",
                              latch.keys == 1 ? "key" : "keys");
  }
  if (const ControlCounts* now = record.find(latch.control)) {
    text += counted(*now, pairs[static_cast<std::size_t>(latch.control)].n);
  }
  return text + " When it was found:" +
         evidence(latch.s, latch.f, latch.log_e, latch.index, options.alpha);
}

std::string diffy(const ControlCounts& c, std::uint64_t pairs) {
  const auto r = static_cast<double>(c.candidate_differs());
  const auto n = static_cast<double>(c.control_differs());
  const double sum = r + n == 0 ? 1 : r + n;
  return fmt::format("Diffy's rule: R = {}, N = {}, total = {}; R > N and |R-N|/(R+N) = {:.1f} % > "
                     "20 % and |R-N|/total = {:.3f} % > 0.03 % are needed, all three.",
                     c.candidate_differs(), c.control_differs(), pairs,
                     100 * std::abs(r - n) / sum,
                     100 * std::abs(r - n) / static_cast<double>(std::max<std::uint64_t>(pairs, 1)));
}

// Of a control that may not accuse.
std::string why_never(const PathRecord& record, Control control) {
  if (control == Control::kItself) {
    return " The candidate against itself shows what is noise; alone it never accuses.";
  }
  return fmt::format(" Its values look like a {}, which each instance makes anew: under this "
                     "control that is no evidence.", to_string(record.shape));
}

std::string why_not_yet(const PathRecord& record, const ControlCounts& c,
                        const NoiseOptions& options) {
  if (!may_accuse(record, c.control)) return why_never(record, c.control);
  std::string text;
  if (c.index > 0) text += evidence(c.s, c.f, c.log_e, c.index, options.alpha);
  if (c.index == 0) text += " No vote yet.";
  if (c.control == Control::kNone && *to_string(record.shape) != 0) {
    text += fmt::format(" Its values look like a {}.", to_string(record.shape));
  }
  const std::uint64_t missing = votes_missing(c, options, c.index == 0 ? 1 : c.index);
  return text + fmt::format(" At least {} more votes against the candidate would be needed.", missing);
}

std::string too_few_pairs(const RoutePairs& pairs, const NoiseOptions& options) {
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < kControls; ++i) {
    if (may_speak(static_cast<Control>(i), options)) most = std::max(most, pairs[i].n);
  }
  return fmt::format("Insufficient: {} comparisons on this route with one control, {} are needed.",
                     most, kMinPairs);
}

}  // namespace

std::string explain(const PathRecord& record, const RoutePairs& pairs,
                    const NoiseOptions& options) {
  const bool by_diffy = options.rule == "diffy";
  if (record.latch && !by_diffy) return latched(record, pairs, options);
  const auto control = speaking(pairs, options);
  if (!control) return too_few_pairs(pairs, options);
  const std::uint64_t n = pairs[static_cast<std::size_t>(*control)].n;
  const ControlCounts* counts = record.find(*control);
  const ControlCounts none{.control = *control};
  const ControlCounts& c = counts == nullptr ? none : *counts;
  const Status status = judge(record, pairs, options);
  std::string text(status == Status::kNoise        ? "Noise. "
                   : status == Status::kRegression ? "Regression. "
                                                   : "Insufficient. ");
  if (by_diffy) {
    const bool never = status == Status::kInsufficient && !may_accuse(record, *control);
    return text + diffy(c, n) + (never ? why_never(record, *control) : "");
  }
  text += counted(c, n);
  if (status == Status::kNoise) {
    return text + " The control differs at least half as often as the candidate.";
  }
  return text + why_not_yet(record, c, options);
}

}  // namespace shadowtap::results
