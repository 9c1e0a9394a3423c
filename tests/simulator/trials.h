// Runs worlds through the real statistics, looking after every exchange, and through
// Diffy's rule beside them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "agent/results/pace.h"
#include "tests/simulator/worlds.h"

namespace shadowtap::simulator {

using MakeWorld = std::function<std::unique_ptr<World>(std::uint64_t seed)>;

struct Trial {
  std::size_t exchanges = 10'000;
  double alpha = 0.01;
  std::uint64_t constant_pairs = 30;
  std::size_t runs = 100;
  bool diffy = false;  // also judge by Diffy's rule, after every exchange
};

struct Alarms {
  std::size_t runs = 0;
  std::size_t ours = 0;        // runs in which any path was ever called a regression
  std::size_t diffy_ever = 0;  // the same by Diffy's rule, from the 100th exchange on
  std::size_t diffy_end = 0;   // at the end only
};
Alarms false_alarms(const MakeWorld& make, const Trial& run);

// Exchanges until the planted path is found, the median over runs (not found counts as
// infinite); nullopt where most runs did not find it. `false_finds`: runs in which any
// other path was called a regression.
struct Detection {
  std::optional<std::size_t> median;
  std::size_t found = 0, runs = 0, false_finds = 0;
  std::size_t diffy_found = 0;  // runs in which Diffy's rule holds for it at the end
};
Detection time_to_detect(double planted, double under, const Trial& run);

// Both sides stall every so often for up to `longest`, each on its own, without any true
// difference in errors or latency: runs in which errors, slower or tail was ever proven.
struct Stalls {
  double every = 60;    // seconds, on average, from one stall of a side to its next
  double longest = 10;  // seconds
};
struct StallAlarms {
  std::size_t runs = 0, any = 0;
  std::array<std::size_t, results::kPaceTests> of{};
  std::size_t net = 0;  // runs in which the net test at 1 % ever said that the rate is above
};
StallAlarms stall_alarms(const Stalls& stalls, std::size_t seconds, double alpha, std::size_t runs);

// A true difference that lasts, at 20 exchanges a second and alpha 0.01.
struct PaceWorld {
  double candidate_errors = 0, control_errors = 0;  // shares
  double slower = 1;                                // times the control's latency
  double slow_share = 0;                            // of the candidate's answers take 200 ms
};
struct PaceDetection {
  std::size_t runs = 0, found = 0;
  std::size_t by_net = 0;  // runs in which the net test at 1 % failed it, before or after
  std::optional<double> median_seconds;
};
PaceDetection pace_detection(const PaceWorld& world, results::PaceTest test, std::size_t seconds,
                             std::size_t runs);

// Runs of a candidate with a true mismatch rate of `truth` that passed at `limit`, asked
// after every exchange; and the same for the plain ratio from 200 exchanges on.
struct Passes {
  std::size_t runs = 0, ours = 0, plain_ratio = 0, failed = 0;
};
Passes false_passes(double truth, double limit, std::size_t exchanges, std::size_t runs);
// Exchanges until a clean candidate passes.
std::size_t exchanges_to_pass(double limit);

}  // namespace shadowtap::simulator
