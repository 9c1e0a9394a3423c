#include "agent/results/judge.h"

#include <cmath>

#include "agent/results/evidence.h"

namespace shadowtap::results {
namespace {

constexpr double kMinAbsolute = 0.0003;
constexpr double kMinShare = 0.05;

double ratio(double a, double b) { return b == 0 ? 0 : a / b; }

bool by_diffy(const ControlCounts& counts, std::uint64_t pairs) {
  const auto r = static_cast<double>(counts.candidate_differs());
  const auto n = static_cast<double>(counts.control_differs());
  return r > n && ratio(r - n, r + n) > 0.20 && ratio(r - n, static_cast<double>(pairs)) > 0.0003;
}

bool is_volatile(const PathRecord& record) {
  return record.shape != Shape::kUnseen && record.shape != Shape::kNone;
}

}  // namespace

const char* to_string(Status status) {
  switch (status) {
    case Status::kInsufficient: return "insufficient";
    case Status::kNoise: return "noise";
    case Status::kRegression: return "regression";
  }
  return "?";
}

bool may_speak(Control control, const NoiseOptions& options) {
  return control != Control::kSecondary || options.has_secondary;
}

std::optional<Control> speaking(const RoutePairs& pairs, const NoiseOptions& options) {
  for (std::size_t i = 0; i < kControls; ++i) {
    const auto control = static_cast<Control>(i);
    if (pairs[i].n >= kMinPairs && may_speak(control, options)) return control;
  }
  return std::nullopt;
}

bool may_accuse(const PathRecord& record, Control control) {
  if (control == Control::kItself) return false;
  return control != Control::kProduction || !is_volatile(record);
}

bool is_proven(const PathRecord& record, const ControlCounts& counts, const RoutePairs& pairs,
               const NoiseOptions& options) {
  if (!may_accuse(record, counts.control) || counts.s <= counts.f) return false;
  const std::uint64_t votes = std::uint64_t{counts.s} + counts.f;
  if (votes < kMinVotes || counts.index == 0) return false;
  if (counts.log_e + log_weight(counts.index) < -std::log(options.alpha)) return false;
  const auto lead = static_cast<double>(counts.s - counts.f);
  const std::uint64_t n = pairs[static_cast<std::size_t>(counts.control)].n;
  return lead >= kMinAbsolute * static_cast<double>(n) &&
         lead >= kMinShare * static_cast<double>(votes);
}

bool is_constant(const PathRecord& record, const ControlCounts& counts, const RoutePairs& pairs,
                 const NoiseOptions& options, WallTime now) {
  if (counts.control != Control::kSecondary && counts.control != Control::kProduction) return false;
  if (!may_accuse(record, counts.control)) return false;
  const PairCounts& all = pairs[static_cast<std::size_t>(counts.control)];
  return counts.candidate_only == all.n && all.n >= options.constant_pairs &&
         now - all.first >= options.constant_time;
}

Status judge(const PathRecord& record, const RoutePairs& pairs, const NoiseOptions& options) {
  if (record.latch && options.rule != "diffy") return Status::kRegression;
  const auto control = speaking(pairs, options);
  if (!control) return Status::kInsufficient;
  const ControlCounts* counts = record.find(*control);
  if (counts == nullptr || *control == Control::kNone) return Status::kInsufficient;
  const std::uint64_t n = pairs[static_cast<std::size_t>(*control)].n;
  if (options.rule == "diffy") {
    if (by_diffy(*counts, n)) {
      return may_accuse(record, *control) ? Status::kRegression : Status::kInsufficient;
    }
    return counts->control_differs() > 0 ? Status::kNoise : Status::kInsufficient;
  }
  const bool noisy = counts->control_differs() > 0 &&
                     2 * counts->control_differs() >= counts->candidate_differs();
  return noisy ? Status::kNoise : Status::kInsufficient;
}

std::uint64_t votes_missing(const ControlCounts& counts, const NoiseOptions& options,
                            std::uint32_t next_index) {
  const double wanted = -std::log(options.alpha) -
                        log_weight(counts.index == 0 ? next_index : counts.index);
  const auto enough = [&](std::uint64_t more) {
    return counts.s + counts.f + more >= kMinVotes &&
           log_evidence(counts.s + more, counts.f) >= wanted;
  };
  std::uint64_t high = 1;
  while (!enough(high) && high < (std::uint64_t{1} << 32)) high *= 2;
  std::uint64_t low = 0;
  while (low + 1 < high) {
    const std::uint64_t middle = (low + high) / 2;
    (enough(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace shadowtap::results
