// A service's findings and its verdict. Reading changes nothing.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "agent/results/service.h"
#include "agent/results/verdict.h"

namespace shadowtap::results {
namespace {

constexpr std::size_t kMaxUnproven = 100;
constexpr std::uint64_t kMinDiffering = 3;

// A control that hardly ever answered does not speak.
Control control_of(const std::array<Net, kControls>& net, const NoiseOptions& options) {
  for (const Control control : {Control::kSecondary, Control::kProduction}) {
    const bool alive = net[static_cast<std::size_t>(control)].alive >= kMinPairs;
    if (alive && may_speak(control, options)) return control;
  }
  return Control::kNone;
}

void set_net(const std::array<Net, kControls>& net, const NoiseOptions& options, VerdictFacts& facts) {
  facts.control = control_of(net, options);
  facts.net = net[static_cast<std::size_t>(facts.control)].counts;
  facts.uncontrolled = net[static_cast<std::size_t>(Control::kNone)].counts;
  for (std::size_t i = 0; i < kControls; ++i) {
    if (may_speak(static_cast<Control>(i), options)) facts.took_part += net[i].counts.total();
  }
}

std::string_view status_of(PaceTest test) { return test == PaceTest::kErrors ? "errors" : "slower"; }

}  // namespace

// The i-th route to be timed bears the weight of the i-th path, and 1/8 for each test as the
// service does.
bool Service::pace_proven(RouteIndex route, PaceTest test) const {
  const RouteCounts& c = counts_[route];
  return c.pace_index > 0 && c.pace.log_evidence_weighted(test) + log_weight(c.pace_index) >=
                                 -std::log(options_.noise.alpha);
}

// The rule noise.constant, outside alpha: it is slower in each second, or alone never answers (a 5xx
// each time is a difference of `status`, and named as that).
bool Service::pace_constant(RouteIndex route, PaceTest test) const {
  const bool nameless = test == PaceTest::kErrors && counts_[route].compared == 0;
  return (test == PaceTest::kSlower || nameless) &&
         counts_[route].pace.always(test, options_.noise.constant_pairs, options_.noise.constant_time);
}

std::string Service::explain_pace(RouteIndex route, PaceTest test) const {
  std::string text = counts_[route].pace.explain(test, options_.noise.alpha);
  if (!pace_proven(route, test)) {
    text += test == PaceTest::kSlower ? " So in most pairs of each second" : " So in every pair";
    text += " (the rule noise.constant; outside alpha).";
  }
  return text;
}

std::optional<Finding> Service::pace_finding(RouteIndex route, PaceTest test) const {
  const Pace& pace = counts_[route].pace;
  if (!pace_proven(route, test) && !pace_constant(route, test)) return std::nullopt;
  Finding finding;
  finding.service = options_.name;
  finding.method = routes_.at(route).method;
  finding.route = routes_.at(route).name;
  finding.path = test == PaceTest::kErrors ? "(errors)" : test == PaceTest::kSlower ? "(latency)" : "(tail)";
  finding.kind = to_string(test);
  finding.status = status_of(test);
  finding.differing = pace.counts(test).plus;
  finding.compared = pace.counts(test).pairs;
  const auto ms = [](Duration d) {
    return fmt::format("p50 {:.1f} ms", std::chrono::duration<double, std::milli>(d).count());
  };
  if (test != PaceTest::kErrors) {
    const RouteCounts& c = counts_[route];
    finding.example_original = ms((pace.with_secondary() ? c.secondary : c.original).percentile(.5));
    finding.example_candidate = ms(c.candidate.percentile(.5));
  }
  finding.explain = explain_pace(route, test);
  return finding;
}

Finding Service::path_finding(const RecordIndex& index) const {
  const RoutePaths& paths = noise_.routes()[index.route];
  const PathRecord& record = paths.records[index.record];
  Finding finding;
  finding.service = options_.name;
  finding.method = routes_.at(index.route).method;
  finding.route = routes_.at(index.route).name;
  finding.path = names_.name(record.path);
  finding.kind = diff::to_string(record.kind);
  finding.status = to_string(noise_.status(index));
  finding.differing = record.differing();
  finding.compared = counts_[index.route].compared;
  finding.explain = explain(record, paths.pairs, noise_.options());
  if (const Sample* sample = samples_.newest_of(index.route, index.record)) {
    for (const ShownDifference& shown : sample->detail.row.differences) {
      if (shown.aggregated != finding.path || shown.kind != finding.kind) continue;
      finding.example_original = shown.original;
      finding.example_candidate = shown.candidate;
      break;
    }
  }
  return finding;
}

// Differences that no rule decided yet and that no control showed as well.
bool Service::worth_naming(const RecordIndex& index) const {
  const PathRecord& record = noise_.routes()[index.route].records[index.record];
  if (record.ignored || record.path == kGonePath) return false;
  for (const ControlCounts& one : record.counts) {
    if (one.control != Control::kNone && may_speak(one.control, noise_.options()) && one.control_differs() > 0) {
      return false;
    }
  }
  return record.differing() >= kMinDiffering && noise_.status(index) == Status::kInsufficient;
}

std::vector<RecordIndex> Service::regressions() const {
  std::vector<RecordIndex> found;
  if (options_.noise.rule != "diffy") {
    found = noise_.latched();
  } else {
    for (RouteIndex r = 0; r < noise_.routes().size(); ++r) {
      for (std::uint32_t i = 0; i < noise_.routes()[r].records.size(); ++i) {
        if (noise_.status({r, i}) == Status::kRegression) found.push_back({r, i});
      }
    }
  }
  std::erase_if(found, [&](const RecordIndex& index) {
    return noise_.routes()[index.route].records[index.record].ignored;
  });
  return found;
}

std::vector<Finding> Service::findings() const {
  std::vector<Finding> found;
  for (const RecordIndex& index : regressions()) found.push_back(path_finding(index));
  const auto share = [](const Finding& f) {
    return f.compared == 0 ? 0 : static_cast<double>(f.differing) / static_cast<double>(f.compared);
  };
  const auto stronger = [&](const Finding& a, const Finding& b) { return share(a) > share(b); };
  std::stable_sort(found.begin(), found.end(), stronger);
  for (RouteIndex route = 0; route < counts_.size(); ++route) {
    for (const PaceTest test : {PaceTest::kErrors, PaceTest::kSlower, PaceTest::kTail}) {
      if (auto finding = pace_finding(route, test)) found.push_back(std::move(*finding));
    }
  }
  std::vector<Finding> unproven;
  for (RouteIndex route = 0; route < noise_.routes().size(); ++route) {
    for (std::uint32_t i = 0; i < noise_.routes()[route].records.size(); ++i) {
      if (unproven.size() < kMaxUnproven && worth_naming({route, i})) {
        unproven.push_back(path_finding({route, i}));
      }
    }
  }
  std::stable_sort(unproven.begin(), unproven.end(), stronger);
  found.insert(found.end(), unproven.begin(), unproven.end());
  return found;
}

VerdictAnswer Service::verdict(std::optional<std::uint64_t> min_compared,
                               std::optional<double> max_mismatch_ratio) const {
  VerdictFacts facts;
  facts.alpha = options_.noise.alpha;
  facts.min_compared = min_compared.value_or(options_.verdict.min_compared);
  facts.max_mismatch_ratio = max_mismatch_ratio.value_or(options_.verdict.max_mismatch_ratio);
  set_net(noise_.net(), noise_.options(), facts);
  for (const RecordIndex& index : regressions()) {
    const PathRecord& record = noise_.routes()[index.route].records[index.record];
    const Route& route = routes_.at(index.route);
    facts.regressions.push_back(fmt::format("regression: {} {} {} ({})", route.method, route.name,
                                            names_.name(record.path), diff::to_string(record.kind)));
  }
  for (const PaceTest test : {PaceTest::kErrors, PaceTest::kSlower, PaceTest::kTail}) {
    if (pace_.log_evidence_weighted(test) < -std::log(facts.alpha)) continue;
    facts.pace.push_back(fmt::format("{}: {}", to_string(test), pace_.explain(test, facts.alpha)));
  }
  if (auto said = failures_above(facts.max_mismatch_ratio)) facts.pace.push_back(std::move(*said));
  for (RouteIndex route = 0; route < counts_.size(); ++route) {
    for (const PaceTest test : {PaceTest::kErrors, PaceTest::kSlower, PaceTest::kTail}) {
      if (!pace_proven(route, test) && !pace_constant(route, test)) continue;
      facts.pace.push_back(fmt::format("{} on {} {}: {}", to_string(test), routes_.at(route).method,
                                       routes_.at(route).name, explain_pace(route, test)));
    }
  }
  for (const RouteCounts& c : counts_) {
    facts.compared += c.compared;
    facts.refused += c.refused;
    facts.selected += c.compared + c.errors + c.refused + c.not_comparable;
  }
  facts.per_second = rate_;
  add_not_covered(facts.not_covered);
  VerdictAnswer answer = decide(facts);
  answer.since = since_;
  if (answer.verdict == "inconclusive") add_route_needs(answer);
  return answer;
}

// The net test of failures alone, where the original is their control. They may stand among
// exchanges that the speaking control knows nothing of.
std::optional<std::string> Service::failures_above(double limit) const {
  if (log_evidence_above(failures_, limit) - std::log(8.0) < -std::log(options_.noise.alpha)) return std::nullopt;
  return fmt::format("errors: the candidate fails alone in {} of {} exchanges, the original in {}: above {:.4g} %",
                     failures_.plus, failures_.total(), failures_.minus, 100 * limit);
}

// Paths that take no part in the net test, so that a pass says what it does not cover.
void Service::add_not_covered(std::vector<std::string>& out) const {
  for (RouteIndex r = 0; r < noise_.routes().size(); ++r) {
    const RoutePaths& paths = noise_.routes()[r];
    for (std::uint32_t i = 0; i < paths.records.size(); ++i) {
      const PathRecord& record = paths.records[i];
      if (record.path == kGonePath) continue;
      const bool noise = noise_.status({r, i}) == Status::kNoise;
      if (!noise && !record.ignored) continue;
      out.push_back(fmt::format("not covered ({}): {} {} {}", record.ignored ? "ignored" : "noise",
                                routes_.at(r).method, routes_.at(r).name, names_.name(record.path)));
    }
  }
}

// Routes with differences that nobody can decide yet: what their strongest path still needs.
void Service::add_route_needs(VerdictAnswer& answer) const {
  for (RouteIndex r = 0; r < noise_.routes().size() && answer.needs.size() < 20; ++r) {
    const RoutePaths& paths = noise_.routes()[r];
    const auto control = speaking(paths.pairs, noise_.options());
    if (!control || *control == Control::kNone || *control == Control::kItself) continue;
    const double n = static_cast<double>(paths.pairs[static_cast<std::size_t>(*control)].n);
    double fewest = 0;
    for (std::uint32_t i = 0; i < paths.records.size(); ++i) {
      const ControlCounts* counts = paths.records[i].find(*control);
      if (counts == nullptr || counts->s <= counts->f || !worth_naming({r, i})) continue;
      const auto votes = static_cast<double>(votes_missing(*counts, noise_.options(),
                                                           noise_.next_index()));
      const double more = votes * n / static_cast<double>(counts->s);
      if (fewest == 0 || more < fewest) fewest = more;
    }
    if (fewest == 0) continue;
    VerdictNeed need{routes_.at(r).method + " " + routes_.at(r).name,
                     static_cast<std::uint64_t>(std::ceil(fewest)), std::nullopt};
    const double all = std::max(1.0, static_cast<double>(total_compared()));
    if (rate_ > 0) need.eta_seconds = fewest / (rate_ * n / all);
    answer.needs.push_back(std::move(need));
  }
}

std::uint64_t Service::total_compared() const {
  std::uint64_t sum = 0;
  for (const RouteCounts& c : counts_) sum += c.compared;
  return sum;
}

}  // namespace shadowtap::results
