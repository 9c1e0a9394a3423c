#include "tests/simulator/trials.h"

#include <algorithm>
#include <cmath>

#include "agent/results/pace.h"
#include "agent/results/verdict.h"

namespace shadowtap::simulator {
namespace {

using namespace std::chrono_literals;
using results::Control;

results::NoiseOptions options_of(const Trial& run) {
  results::NoiseOptions options;
  options.alpha = run.alpha;
  options.constant_pairs = run.constant_pairs;
  return options;
}

void feed(results::Noise& noise, const Step& step) {
  results::Pair pair;
  pair.key = step.key;
  pair.time = step.time;
  pair.control = step.control_speaks ? Control::kSecondary : Control::kNone;
  pair.candidate = step.candidate;
  if (step.control_speaks) pair.control_hits = step.control;
  noise.add(pair);
}

bool diffy_alarm(const results::Noise& noise, std::optional<results::PathId> only = {}) {
  results::NoiseOptions options;
  options.rule = "diffy";
  const results::RoutePaths& route = noise.routes()[0];
  return std::any_of(route.records.begin(), route.records.end(), [&](const auto& record) {
    if (only && record.path != *only) return false;
    return results::judge(record, route.pairs, options) == results::Status::kRegression;
  });
}

}  // namespace

Alarms false_alarms(const MakeWorld& make, const Trial& run) {
  Alarms alarms{.runs = run.runs};
  Step step;
  for (std::size_t seed = 1; seed <= run.runs; ++seed) {
    results::Noise noise(options_of(run));
    const auto world = make(seed);
    bool diffy = false;
    for (std::size_t i = 0; i < run.exchanges; ++i) {
      world->next(step);
      feed(noise, step);
      if (run.diffy && !diffy && i >= 100) diffy = diffy_alarm(noise);
    }
    alarms.ours += noise.latched().empty() ? 0 : 1;
    alarms.diffy_ever += diffy ? 1 : 0;
    alarms.diffy_end += diffy_alarm(noise) ? 1 : 0;
  }
  return alarms;
}

Detection time_to_detect(double planted, double under, const Trial& run) {
  Detection detection;
  detection.runs = run.runs;
  const results::PathId path = 201;  // after the 200 noisy ones, which are 1 … 200
  std::vector<std::size_t> times;
  Step step;
  for (std::size_t seed = 1; seed <= run.runs; ++seed) {
    results::Noise noise(options_of(run));
    // Where 200 noisy paths vote, a rare one comes late: its weight is the 128th's. That is
    // cheaper than simulating the 200.
    noise.restore_next_index(128);
    Mixed mixed{.noisy_paths = 0, .planted = planted, .under = under};
    const auto world = mixed_world(seed, mixed);
    std::size_t at = SIZE_MAX;
    for (std::size_t i = 1; i <= run.exchanges && at == SIZE_MAX; ++i) {
      world->next(step);
      for (results::Hit& hit : step.candidate) hit.path = path;
      for (results::Hit& hit : step.control) hit.path = path;
      feed(noise, step);
      if (!noise.latched().empty()) at = i;
    }
    if (at != SIZE_MAX) ++detection.found;
    if (!noise.routes().empty() && diffy_alarm(noise, path)) ++detection.diffy_found;
    times.push_back(at);
  }
  std::sort(times.begin(), times.end());
  if (times[times.size() / 2] != SIZE_MAX) detection.median = times[times.size() / 2];
  return detection;
}

std::size_t stall_alarms(std::size_t runs, std::size_t seconds, double alpha, double longest) {
  std::size_t alarms = 0;
  for (std::size_t seed = 1; seed <= runs; ++seed) {
    Random random(seed);
    results::Pace pace;
    double stalled_until[2] = {0, 0};
    bool alarm = false;
    for (std::size_t pairs = 0; pairs < seconds * 20 && !alarm; ++pairs) {
      const double now = static_cast<double>(pairs) / 20;
      for (double& until : stalled_until) {  // one a minute, each side its own
        if (random.chance(1.0 / 1200)) until = now + random.uniform() * longest;
      }
      const auto took = [&](int side) {
        const double mean = stalled_until[side] > now ? 500 : 5;
        return Duration(static_cast<std::int64_t>(1e6 * (5 + random.exponential(mean))));
      };
      results::PacePair pair;
      pair.time = WallTime(1'750'000'000s) + Duration(static_cast<std::int64_t>(now * 1e9));
      pair.with_secondary = true;
      pair.candidate = took(0);
      pair.control = took(1);
      pair.candidate_failed = *pair.candidate > 1s;
      pair.control_failed = *pair.control > 1s;
      pace.add(pair);
      for (const auto test : {results::PaceTest::kErrors, results::PaceTest::kSlower, results::PaceTest::kTail}) {
        if (pairs % 20 == 19) alarm = alarm || pace.log_evidence_weighted(test) >= -std::log(alpha);
      }
    }
    alarms += alarm ? 1 : 0;
  }
  return alarms;
}

Passes false_passes(double truth, double limit, std::size_t exchanges, std::size_t runs) {
  Passes passes;
  passes.runs = runs;
  for (std::size_t seed = 1; seed <= runs; ++seed) {
    Random random(seed);
    results::NetCounts net;
    bool ours = false, ratio = false, failed = false;
    for (std::size_t i = 0; i < exchanges; ++i) {
      ++(random.chance(truth) ? net.plus : net.zero);
      const auto n = static_cast<double>(net.total());
      if (n < 200) continue;
      // The two parts of decide() that depend on the net counts; the whole of it is slow.
      failed = failed || results::log_evidence_above(net, limit) >= std::log(100.0);
      ours = ours || (!failed && results::log_evidence_below(net, limit) >= std::log(20.0));
      ratio = ratio || static_cast<double>(net.plus) / n <= limit;
    }
    passes.ours += ours ? 1 : 0;
    passes.plain_ratio += ratio ? 1 : 0;
    passes.failed += failed ? 1 : 0;
  }
  return passes;
}

std::size_t exchanges_to_pass(double limit) {
  results::VerdictFacts facts;
  facts.max_mismatch_ratio = limit;
  while (results::decide(facts).verdict != "pass") ++facts.net.zero;
  return facts.net.total();
}

}  // namespace shadowtap::simulator
