#include "tests/simulator/trials.h"

#include <algorithm>
#include <array>
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

namespace {

using results::PaceTest;
constexpr std::size_t kPairsPerSecond = 20;

WallTime pair_time(std::size_t pairs) {
  return WallTime(1'750'000'000s) + Duration(static_cast<std::int64_t>(pairs * 1'000'000'000 / kPairsPerSecond));
}

bool proven(const results::Pace& pace, PaceTest test, double alpha) {
  return pace.log_evidence_weighted(test) >= -std::log(alpha);
}

void count_errors(results::NetCounts& net, const results::PacePair& pair) {
  const bool both = pair.candidate_failed == pair.control_failed;
  ++(both ? net.zero : pair.candidate_failed ? net.plus : net.minus);
}

bool above_one_percent(const results::NetCounts& net, double alpha) {
  return results::log_evidence_above(net, .01) >= -std::log(alpha);
}

Duration ms(double n) { return Duration(static_cast<std::int64_t>(1e6 * n)); }

}  // namespace

StallAlarms stall_alarms(const Stalls& stalls, std::size_t seconds, double alpha, std::size_t runs) {
  StallAlarms alarms;
  alarms.runs = runs;
  for (std::size_t seed = 1; seed <= runs; ++seed) {
    Random random(seed);
    results::Pace pace;
    double stalled_until[2] = {0, 0};
    results::NetCounts net;
    std::array<bool, results::kPaceTests> alarm{};
    bool net_alarm = false;
    for (std::size_t pairs = 0; pairs < seconds * kPairsPerSecond; ++pairs) {
      const double now = static_cast<double>(pairs) / kPairsPerSecond;
      for (double& until : stalled_until) {
        const bool begins = random.chance(1 / (stalls.every * kPairsPerSecond));
        if (begins) until = std::max(until, now + random.uniform() * stalls.longest);
      }
      const auto took = [&](int side) { return ms(5 + random.exponential(stalled_until[side] > now ? 500 : 5)); };
      results::PacePair pair;
      pair.time = pair_time(pairs);
      pair.with_secondary = true;
      pair.candidate = took(0);
      pair.control = took(1);
      pair.candidate_failed = *pair.candidate > 1s;
      pair.control_failed = *pair.control > 1s;
      pace.add(pair);
      count_errors(net, pair);
      if (pairs % kPairsPerSecond == 0) net_alarm = net_alarm || above_one_percent(net, alpha);
      for (std::size_t i = 0; i < alarm.size() && pairs % kPairsPerSecond == 0; ++i) {
        alarm[i] = alarm[i] || proven(pace, static_cast<PaceTest>(i), alpha);
      }
    }
    for (std::size_t i = 0; i < alarm.size(); ++i) alarms.of[i] += alarm[i] ? 1 : 0;
    alarms.net += net_alarm ? 1 : 0;
    alarms.any += alarm[0] || alarm[1] || alarm[2] ? 1 : 0;
  }
  return alarms;
}

PaceDetection pace_detection(const PaceWorld& world, results::PaceTest test, std::size_t seconds, std::size_t runs) {
  PaceDetection detection;
  detection.runs = runs;
  std::vector<double> at;
  for (std::size_t seed = 1; seed <= runs; ++seed) {
    Random random(seed);
    results::Pace pace;
    results::NetCounts net;
    double found = INFINITY;
    bool net_found = false;
    for (std::size_t pairs = 0; pairs < seconds * kPairsPerSecond && found == INFINITY; ++pairs) {
      results::PacePair pair;
      pair.time = pair_time(pairs);
      pair.with_secondary = true;
      pair.candidate = ms((5 + random.exponential(5)) * world.slower);
      pair.control = ms(5 + random.exponential(5));
      if (random.chance(world.slow_share)) pair.candidate = ms(200);
      pair.candidate_failed = random.chance(world.candidate_errors);
      pair.control_failed = random.chance(world.control_errors);
      pace.add(pair);
      count_errors(net, pair);
      net_found = net_found || above_one_percent(net, .01);
      if (pairs % kPairsPerSecond == 0 && proven(pace, test, .01)) found = static_cast<double>(pairs) / kPairsPerSecond;
    }
    detection.found += found < INFINITY ? 1 : 0;
    detection.by_net += net_found ? 1 : 0;
    at.push_back(found);
  }
  std::sort(at.begin(), at.end());
  if (at[at.size() / 2] < INFINITY) detection.median_seconds = at[at.size() / 2];
  return detection;
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
