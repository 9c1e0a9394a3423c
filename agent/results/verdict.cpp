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

bool is_below(const NetCounts& net, double limit) { return log_evidence_below(net, limit) >= kLogPass; }

// The pairs of a few hot keys say nothing of the many exchanges that had no control.
bool uncontrolled_is_open(const VerdictFacts& facts) {
  if (facts.control == Control::kNone || facts.uncontrolled.total() * 10 <= facts.took_part) return false;
  return !is_below(facts.uncontrolled, facts.max_mismatch_ratio);
}

// How many more it takes until the test on `part` of `all` comparisons is decided; 0: unknown.
double more_needed(const VerdictFacts& facts, const NetCounts& part, std::uint64_t all) {
  const auto growth = growth_needed(part, facts.max_mismatch_ratio, facts.alpha);
  return growth ? (*growth - 1) * static_cast<double>(all) : 0;
}

void say_needs(const VerdictFacts& facts, VerdictAnswer& answer) {
  const std::uint64_t n = facts.net.total();
  double more = more_needed(facts, facts.net, n);
  if (uncontrolled_is_open(facts)) more = std::max(more, more_needed(facts, facts.uncontrolled, facts.took_part));
  if (n == 0) more = std::max(more, 5 / std::max(facts.max_mismatch_ratio, 1e-6));
  VerdictNeed need;
  need.route = "*";
  need.comparisons = static_cast<std::uint64_t>(std::ceil(more));
  if (n < facts.min_compared) need.comparisons = std::max(need.comparisons, facts.min_compared - n);
  if (need.comparisons == 0) return;
  if (facts.per_second > 0) need.eta_seconds = static_cast<double>(need.comparisons) / facts.per_second;
  answer.needs.push_back(std::move(need));
}

void say_what_is_missing(const VerdictFacts& facts, VerdictAnswer& answer) {
  const std::uint64_t n = facts.net.total();
  const double limit = 100 * facts.max_mismatch_ratio;
  if (n < facts.min_compared) {
    answer.reasons.push_back(
        fmt::format("{} comparisons, at least {} are wanted", n, facts.min_compared));
  }
  if (!is_below(facts.net, facts.max_mismatch_ratio)) {
    answer.reasons.push_back(
        fmt::format("not yet shown that the net rate is below {:.4g} %: {}", limit, mix_of(facts.net)));
  }
  if (uncontrolled_is_open(facts)) {
    answer.reasons.push_back(fmt::format(
        "{} of {} comparisons had no control, and it is not shown that the candidate differs or "
        "fails in fewer than {:.4g} % of them: it did in {}",
        facts.uncontrolled.total(), facts.took_part, limit, facts.uncontrolled.plus));
  }
  if (!control_is_steady(facts.net)) {
    answer.reasons.push_back(fmt::format(
        "the control alone differs in more than 10 % of the comparisons ({} of {})", facts.net.minus, n));
  }
  if (too_much_refused(facts)) {
    answer.reasons.push_back(fmt::format("{} of {} selected exchanges were shed or stale on our side",
                                         facts.refused, facts.selected));
  }
  say_needs(facts, answer);
}

}  // namespace

std::optional<double> growth_needed(const NetCounts& counts, double limit, double alpha) {
  if (counts.total() == 0) return std::nullopt;
  const auto decided = [&](double k) {
    const NetCounts grown = scaled(counts, k);
    return is_below(grown, limit) || log_evidence_above(grown, limit) >= -std::log(alpha);
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
  const bool pass = facts.net.total() >= facts.min_compared && is_below(facts.net, limit) &&
                    !uncontrolled_is_open(facts) && control_is_steady(facts.net) &&
                    !too_much_refused(facts);
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
