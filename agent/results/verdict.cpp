#include "agent/results/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace shadowtap::results {
namespace {

const double kLogPass = std::log(20.0);
constexpr std::size_t kMaxNamed = 10;

void append_some(std::vector<std::string>& out, const std::vector<std::string>& more) {
  const std::size_t n = std::min(more.size(), kMaxNamed);
  out.insert(out.end(), more.begin(), more.begin() + static_cast<long>(n));
  if (more.size() > n) out.push_back(fmt::format("… and {} more", more.size() - n));
}

NetCounts scaled(const NetCounts& counts, double k) {
  const auto grow = [k](std::uint64_t n) {
    return static_cast<std::uint64_t>(std::llround(k * static_cast<double>(n)));
  };
  return {grow(counts.plus), grow(counts.minus), grow(counts.zero)};
}

std::string mix_of(const NetCounts& net) {
  return fmt::format("of {} comparisons, only the candidate differed in {}, only the control in {}",
                     net.total(), net.plus, net.minus);
}

bool control_is_steady(const NetCounts& net) { return net.minus * 10 <= net.total(); }

bool too_much_refused(const VerdictFacts& facts) { return facts.refused * 2 > facts.selected; }

void say_what_is_missing(const VerdictFacts& facts, VerdictAnswer& answer) {
  const std::uint64_t n = facts.net.total();
  const double limit = facts.max_mismatch_ratio;
  if (n < facts.min_compared) {
    answer.reasons.push_back(
        fmt::format("{} comparisons, at least {} are wanted", n, facts.min_compared));
  }
  if (log_evidence_below(facts.net, limit) < kLogPass) {
    answer.reasons.push_back(fmt::format(
        "not yet shown that the net rate is below {:.4g} %: {}", 100 * limit, mix_of(facts.net)));
  }
  if (!control_is_steady(facts.net)) {
    answer.reasons.push_back(fmt::format(
        "the control alone differs in more than 10 % of the comparisons ({} of {})", facts.net.minus, n));
  }
  if (too_much_refused(facts)) {
    answer.reasons.push_back(fmt::format("{} of {} selected exchanges were shed or stale on our side",
                                         facts.refused, facts.selected));
  }
  VerdictNeed need;
  need.route = "*";
  if (const auto growth = growth_needed(facts.net, limit, facts.alpha)) {
    need.comparisons = static_cast<std::uint64_t>(std::ceil((*growth - 1) * static_cast<double>(n)));
  }
  if (n == 0) need.comparisons = static_cast<std::uint64_t>(std::ceil(5 / std::max(limit, 1e-6)));
  if (n < facts.min_compared) need.comparisons = std::max(need.comparisons, facts.min_compared - n);
  if (facts.per_second > 0 && need.comparisons > 0) {
    need.eta_seconds = static_cast<double>(need.comparisons) / facts.per_second;
  }
  if (need.comparisons > 0) answer.needs.push_back(std::move(need));
}

}  // namespace

std::optional<double> growth_needed(const NetCounts& counts, double limit, double alpha) {
  if (counts.total() == 0) return std::nullopt;
  const auto decided = [&](double k) {
    const NetCounts grown = scaled(counts, k);
    return log_evidence_below(grown, limit) >= kLogPass ||
           log_evidence_above(grown, limit) >= -std::log(alpha);
  };
  double high = 1;
  while (!decided(high)) {
    high *= 1.5;
    if (high > 1000) return std::nullopt;
  }
  double low = std::max(1.0, high / 1.5);
  for (int i = 0; i < 20; ++i) {
    const double middle = (low + high) / 2;
    (decided(middle) ? high : low) = middle;
  }
  return high;
}

VerdictAnswer decide(const VerdictFacts& facts) {
  VerdictAnswer answer;
  answer.compared = facts.compared;
  answer.alpha = facts.alpha;
  const double limit = facts.max_mismatch_ratio;
  const bool above = log_evidence_above(facts.net, limit) >= -std::log(facts.alpha);
  append_some(answer.reasons, facts.regressions);
  append_some(answer.reasons, facts.pace);
  if (above) {
    answer.reasons.push_back(
        fmt::format("the net rate is above {:.4g} %: {}", 100 * limit, mix_of(facts.net)));
  }
  if (!answer.reasons.empty()) {
    answer.verdict = "fail";
    return answer;
  }
  const bool below = log_evidence_below(facts.net, limit) >= kLogPass;
  const bool pass = facts.net.total() >= facts.min_compared && below &&
                    control_is_steady(facts.net) && !too_much_refused(facts);
  answer.verdict = pass ? "pass" : "inconclusive";
  if (pass) {
    answer.reasons.push_back(
        fmt::format("the net rate is below {:.4g} %: {}", 100 * limit, mix_of(facts.net)));
  } else {
    say_what_is_missing(facts, answer);
  }
  append_some(answer.reasons, facts.not_covered);
  return answer;
}

}  // namespace shadowtap::results
