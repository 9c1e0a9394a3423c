// What follows from the counts of one (route, path, kind): regression, noise or
// insufficient, and why, in words. Pure functions of what Noise has counted; asking
// changes nothing.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "agent/results/path_record.h"
#include "agent/results/results.h"

namespace shadowtap::results {

enum class Status : std::uint8_t { kInsufficient, kNoise, kRegression };
const char* to_string(Status status);

// Exchanges of one route that had a control of each sort, from the first on.
struct PairCounts {
  std::uint64_t n = 0;
  WallTime first;
};
using RoutePairs = std::array<PairCounts, kControls>;

inline constexpr std::uint64_t kMinPairs = 12;
inline constexpr std::uint64_t kMinVotes = 12;
inline constexpr std::size_t kMaxKeysNamed = 32;

// The pairs of a secondary that is gone are kept, but tell nothing of today's candidate.
bool may_speak(Control control, const NoiseOptions& options);
// The best control with enough pairs on this route.
std::optional<Control> speaking(const RoutePairs& pairs, const NoiseOptions& options);

// Whether differing under this control is evidence at all. Not for the candidate against
// itself; under an earlier original not for what each instance makes anew (a clock, a name).
bool may_accuse(const PathRecord& record, Control control);

// Whether the counts of `control` make a regression now: by evidence, or always differing.
bool is_proven(const PathRecord& record, const ControlCounts& counts, const RoutePairs& pairs,
               const NoiseOptions& options);
bool is_constant(const PathRecord& record, const ControlCounts& counts, const RoutePairs& pairs,
                 const NoiseOptions& options, WallTime now);

Status judge(const PathRecord& record, const RoutePairs& pairs, const NoiseOptions& options);

// The arithmetic in plain words.
std::string explain(const PathRecord& record, const RoutePairs& pairs,
                    const NoiseOptions& options);

// Votes against the candidate, with none for it, that would still make a regression.
std::uint64_t votes_missing(const ControlCounts& counts, const NoiseOptions& options,
                            std::uint32_t next_index);

}  // namespace shadowtap::results
