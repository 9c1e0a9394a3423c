// Counts, for one service, where candidate and control differ from the original, and
// finds out what of it is a regression: the rules of DESIGN section 8 on votes, repeats
// and evidence. Knows nothing of responses, samples or storage: a comparison arrives
// as the places where it differed. Time is an argument.
//
// Control thread. Owned by one service's results (and by the simulator of tests/).
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "agent/results/evidence.h"
#include "agent/results/judge.h"
#include "agent/results/repeats.h"
#include "agent/results/routes.h"
#include "agent/results/signatures.h"

namespace shadowtap::results {

using Place = std::uint64_t;
inline Place place_of(PathId path, diff::Kind kind) {
  return std::uint64_t{path} << 8 | static_cast<std::uint8_t>(kind);
}

// One exchange's differences at one place.
struct Hit {
  PathId path = 0;
  diff::Kind kind = diff::Kind::kValue;
  Shape shape = Shape::kNone;  // of the differing values, where both share one
  // Without control: +1 speaks against the candidate, -1 against the original, 0 by which
  // of the two values is the usual one.
  int direction = 0;
  std::uint64_t left = 0, right = 0;  // hashes of the values

  Place place() const { return place_of(path, kind); }
};

struct Pair {
  RouteIndex route = 0;
  std::uint64_t key = 0;  // of the request; 0: none
  WallTime time;
  Control control = Control::kNone;
  std::span<const Hit> candidate;  // both sorted by place, each place once
  std::span<const Hit> control_hits;
  bool rules_took = false;  // an ignore rule took differences from the candidate
};

struct RoutePaths {
  RoutePairs pairs;
  std::vector<PathRecord> records;
  std::unordered_map<Place, std::uint32_t> by_place;
  Signatures signatures;
};

// The net counts against one control. `alive`: those in which the control answered; a
// control that never did has nothing to say.
struct Net {
  NetCounts counts;
  std::uint64_t alive = 0;
};

struct RecordIndex {
  RouteIndex route;
  std::uint32_t record;
};

class Noise {
 public:
  explicit Noise(const NoiseOptions& options, std::size_t max_paths = 1000);

  // Counts one comparison; its outcome as of now. Its control is not the candidate itself.
  Outcome add(const Pair& pair);
  // The candidate was asked once more after a comparison that had been added without
  // control: only the counts of Control::kItself move.
  void add_repeat(const Pair& pair);
  // One of the two gave no answer at all. Nothing is known of paths.
  void add_error(std::uint64_t key, WallTime time, Control control, bool candidate_failed,
                 bool control_failed);
  // What is counted next comes after a restart, which forgot what keys had voted: for a
  // minute a key's first vote may be a repeat, and is taken for one.
  void resume() { resumed_ = true; }

  // A place of the route, made if new; the place of `other` when the route is full.
  std::uint32_t record_of(RouteIndex route, PathId path, diff::Kind kind);
  // Where each record of `from` now stands in `into`.
  std::vector<std::uint32_t> merge_routes(RouteIndex from, RouteIndex into);
  // Puts the counts of `from` to `into` (a map-like object was found): evidence starts anew.
  void merge_records(RouteIndex route, std::uint32_t from, std::uint32_t into);
  void clear();

  Status status(const RecordIndex& index) const;
  Outcome outcome(RouteIndex route, const Signature& signature) const;
  std::array<std::uint64_t, kOutcomes> outcomes(RouteIndex route) const;

  const std::vector<RoutePaths>& routes() const { return routes_; }
  RoutePaths& route(RouteIndex index);
  const RoutePaths* find(RouteIndex index) const;
  const std::vector<RecordIndex>& latched() const { return latched_; }
  const std::array<Net, kControls>& net() const { return net_; }
  std::array<Net, kControls>& net() { return net_; }
  std::uint64_t repeats_evicted() const { return repeats_.evicted(); }
  const NoiseOptions& options() const { return options_; }
  NoiseOptions& options() { return options_; }
  std::uint32_t next_index() const { return next_index_; }
  void restore_record(RouteIndex route, std::uint32_t index, PathRecord record);
  void restore_next_index(std::uint32_t next) { next_index_ = next; }
  // Finds the latched places again, after records were put back or moved.
  void relatch();
  // Places that changed since the last call.
  std::vector<RecordIndex> take_dirty();

 private:
  // What one pair amounted to while its places are walked through.
  struct Walk {
    const Pair& pair;
    Repeats::Key* key;
    RoutePairs before;  // this pair not counted: what was noise before it takes no part
    bool plus = false, minus = false, mismatch = false, noise = false;
  };
  void count(Walk& walk, const Hit* candidate, const Hit* control);
  void count_directed(Walk& walk, std::uint32_t index, const Hit& hit);
  void vote_one_sided(Walk& walk, std::uint32_t index, const Hit& hit);
  void vote(Walk& walk, std::uint32_t index, bool against_candidate, std::uint64_t values);
  bool is_repeat(Walk& walk, std::uint32_t index, bool against_candidate, std::uint64_t values);
  void close_walk(Walk& walk);
  void latch_if_due(const Walk& walk, std::uint32_t index);
  void count_net(Control control, Repeats::Key* key, WallTime time, bool plus, bool minus);
  bool may_latch(const PathRecord& record, const RoutePairs& pairs, Control control) const;
  void touch(RouteIndex route, std::uint32_t index);

  NoiseOptions options_;
  std::size_t max_paths_;
  std::vector<RoutePaths> routes_;
  Repeats repeats_;
  std::array<Net, kControls> net_{};
  std::vector<RecordIndex> latched_;
  std::vector<RecordIndex> dirty_;
  std::vector<Repeats::Seen> still_open_;    // of the pair in hand
  std::vector<SignaturePart> parts_;         // of the pair in hand
  std::uint32_t next_index_ = 1;
  bool resumed_ = false;
  WallTime forgetful_until_{};
};

}  // namespace shadowtap::results
