// The verdict on one service from its counters: DESIGN section 8, "Service verdict".
// Pure; the caller says what it knows, the sentences come back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/results/evidence.h"
#include "agent/results/path_record.h"
#include "agent/results/results.h"

namespace shadowtap::results {

struct VerdictFacts {
  NetCounts net;  // of the control that speaks
  Control control = Control::kNone;
  NetCounts uncontrolled;       // of the exchanges that had none
  std::uint64_t took_part = 0;  // exchanges with whatever control, or none
  std::vector<std::string> regressions;  // each in a sentence; not ignored
  std::vector<std::string> pace;         // errors, slower, tail that are proven
  std::vector<std::string> not_covered;  // noise or ignored paths
  std::uint64_t compared = 0;
  std::uint64_t selected = 0;     // sent or meant to be sent
  std::uint64_t refused = 0;      // of these, shed or stale at our side
  double per_second = 0;          // comparisons, of late
  double alpha = 0.01;
  std::uint64_t min_compared = 200;
  double max_mismatch_ratio = 0.01;
};

// Without `since`.
VerdictAnswer decide(const VerdictFacts& facts);

// How many times the comparisons seen so far it takes, at the same mix, until the net
// test decides one way or the other; nullopt: not within a thousand times.
std::optional<double> growth_needed(const NetCounts& counts, double limit, double alpha);

}  // namespace shadowtap::results
