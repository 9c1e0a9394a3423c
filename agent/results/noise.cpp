#include "agent/results/noise.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace shadowtap::results {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kRepeatKeys = 4096;
constexpr Duration kRepeatTime = 60s;

std::uint64_t both_values(const Hit& hit) {
  return hit.left * 0x9e3779b97f4a7c15 ^ (hit.right + 0x94d049bb133111eb);
}

void note_shape(PathRecord& record, Shape shape) {
  if (record.shape == Shape::kUnseen) record.shape = shape;
  if (record.shape != shape) record.shape = Shape::kNone;
}

void note_key(PathRecord& record, std::uint64_t key) {
  if (record.keys.size() >= kMaxKeysNamed) return;
  if (std::find(record.keys.begin(), record.keys.end(), key) != record.keys.end()) return;
  record.keys.push_back(key);
}

std::uint64_t place_in_service(RouteIndex route, std::uint32_t record, Control control) {
  return std::uint64_t{route} << 34 | std::uint64_t{record} << 2 | static_cast<std::uint8_t>(control);
}

bool of_control(const Repeats::Seen& seen, Control control) {
  return (seen.place & 3) == static_cast<std::uint8_t>(control);
}

bool stands_in(std::span<const Hit> hits, Place place) {
  const auto it = std::lower_bound(hits.begin(), hits.end(), place,
                                   [](const Hit& hit, Place wanted) { return hit.place() < wanted; });
  return it != hits.end() && it->place() == place;
}

void note_pair(RoutePairs& pairs, const Pair& pair) {
  PairCounts& counts = pairs[static_cast<std::size_t>(pair.control)];
  if (counts.n++ == 0) counts.first = pair.time;
}

// Both sides are sorted by place: candidate and control at each place where one of them is.
template <class Visit>
void each_place(const Pair& pair, Visit visit) {
  const Hit* c = pair.candidate.data();
  const Hit* const c_end = c + pair.candidate.size();
  const Hit* f = pair.control_hits.data();
  const Hit* const f_end = f + pair.control_hits.size();
  while (c != c_end || f != f_end) {
    const bool take_c = c != c_end && (f == f_end || c->place() <= f->place());
    const bool take_f = f != f_end && (c == c_end || f->place() <= c->place());
    visit(take_c ? c : nullptr, take_f ? f : nullptr);
    c += take_c ? 1 : 0;
    f += take_f ? 1 : 0;
  }
}

}  // namespace

Noise::Noise(const NoiseOptions& options, std::size_t max_paths)
    : options_(options), max_paths_(max_paths), repeats_(kRepeatKeys) {}

RoutePaths& Noise::route(RouteIndex index) {
  if (index >= routes_.size()) routes_.resize(index + 1);
  return routes_[index];
}

const RoutePaths* Noise::find(RouteIndex index) const {
  return index < routes_.size() ? &routes_[index] : nullptr;
}

std::uint32_t Noise::record_of(RouteIndex route_index, PathId path, diff::Kind kind) {
  RoutePaths& paths = route(route_index);
  const auto it = paths.by_place.find(place_of(path, kind));
  if (it != paths.by_place.end()) return it->second;
  if (paths.records.size() >= max_paths_ && path != kOtherPath) {
    return record_of(route_index, kOtherPath, kind);
  }
  const auto index = static_cast<std::uint32_t>(paths.records.size());
  PathRecord record;
  record.path = path;
  record.kind = kind;
  paths.records.push_back(std::move(record));
  paths.by_place.emplace(place_of(path, kind), index);
  return index;
}

Outcome Noise::add(const Pair& pair) {
  const RoutePairs before = route(pair.route).pairs;
  note_pair(routes_[pair.route].pairs, pair);
  if (std::exchange(resumed_, false)) forgetful_until_ = pair.time + kRepeatTime;
  Walk walk{pair, pair.key == 0 ? nullptr : &repeats_.get(pair.key), before};
  parts_.clear();
  still_open_.clear();
  each_place(pair, [&](const Hit* candidate, const Hit* control) { count(walk, candidate, control); });
  close_walk(walk);

  Outcome outcome = parts_.empty() && !pair.rules_took ? Outcome::kMatch : Outcome::kIgnored;
  if (walk.noise) outcome = Outcome::kNoise;
  if (walk.mismatch) outcome = Outcome::kMismatch;
  std::sort(parts_.begin(), parts_.end(),
            [](const auto& a, const auto& b) { return a.record < b.record; });
  route(pair.route).signatures.add(parts_, pair.rules_took, outcome);
  ++net_[static_cast<std::size_t>(pair.control)].alive;
  count_net(pair.control, walk.key, pair.time, walk.plus, walk.minus);
  return outcome;
}

// It votes for nothing and takes no part in the net test: it was counted when it came.
void Noise::add_repeat(const Pair& pair) {
  note_pair(route(pair.route).pairs, pair);
  each_place(pair, [&](const Hit* candidate, const Hit* control) {
    const Hit& hit = candidate != nullptr ? *candidate : *control;
    const std::uint32_t index = record_of(pair.route, hit.path, hit.kind);
    ControlCounts& counts = routes_[pair.route].records[index].of(Control::kItself);
    ++(candidate == nullptr ? counts.control_only : control == nullptr ? counts.candidate_only : counts.both);
    touch(pair.route, index);
  });
}

void Noise::count(Walk& walk, const Hit* candidate, const Hit* control) {
  const Hit& hit = candidate != nullptr ? *candidate : *control;
  const RouteIndex route_index = walk.pair.route;
  const std::uint32_t index = record_of(route_index, hit.path, hit.kind);
  RoutePaths& paths = routes_[route_index];
  PathRecord& record = paths.records[index];
  const bool takes_part =
      !record.ignored && judge(record, walk.before, options_) != Status::kNoise;
  if (candidate != nullptr) {
    parts_.push_back({index, control != nullptr});
    note_shape(record, candidate->shape);
    walk.mismatch |= takes_part && control == nullptr;
    walk.noise |= !record.ignored;
  }
  touch(route_index, index);
  if (walk.pair.control == Control::kNone) {
    walk.plus |= takes_part;
    count_directed(walk, index, hit);
    return;
  }
  ControlCounts& counts = record.of(walk.pair.control);
  if (candidate != nullptr && control != nullptr) {
    ++counts.both;
    return;
  }
  const bool against_candidate = candidate != nullptr;
  ++(against_candidate ? counts.candidate_only : counts.control_only);
  if (against_candidate) note_key(record, walk.pair.key);
  if (takes_part) (against_candidate ? walk.plus : walk.minus) = true;
  vote(walk, index, against_candidate, both_values(hit));
}

// Without control a difference speaks by its direction: worse or missing, or a value
// other than the one that this place usually has.
void Noise::count_directed(Walk& walk, std::uint32_t index, const Hit& hit) {
  PathRecord& record = routes_[walk.pair.route].records[index];
  ++record.of(Control::kNone).candidate_only;
  note_key(record, walk.pair.key);
  if (hit.kind == diff::Kind::kMissing || hit.kind == diff::Kind::kExtra) {
    vote_one_sided(walk, index, hit);
    return;
  }
  int direction = hit.direction;
  if (direction == 0) {
    if (!record.seen) record.seen = std::make_unique<SeenValues>();
    const std::uint32_t original = record.seen->count(hit.left);
    const std::uint32_t candidate = record.seen->count(hit.right);
    direction = original > candidate ? 1 : original < candidate ? -1 : 0;
    record.seen->add(hit.left);
  }
  if (direction != 0) vote(walk, index, direction > 0, both_values(hit));
}

// What is missing speaks for the original at `extra`, and the other way round. An exchange
// with both at one path says nothing.
void Noise::vote_one_sided(Walk& walk, std::uint32_t index, const Hit& hit) {
  const diff::Kind opposite =
      hit.kind == diff::Kind::kMissing ? diff::Kind::kExtra : diff::Kind::kMissing;
  if (stands_in(walk.pair.candidate, place_of(hit.path, opposite))) return;
  vote(walk, index, true, both_values(hit));
  const std::uint32_t other = record_of(walk.pair.route, hit.path, opposite);
  routes_[walk.pair.route].records[other].of(Control::kNone);
  touch(walk.pair.route, other);
  vote(walk, other, false, both_values(hit));
}

void Noise::vote(Walk& walk, std::uint32_t index, bool against_candidate, std::uint64_t values) {
  if (!is_repeat(walk, index, against_candidate, values)) {
    PathRecord& record = routes_[walk.pair.route].records[index];
    ControlCounts& counts = record.of(walk.pair.control);
    ++(against_candidate ? counts.s : counts.f);
    if (counts.index == 0) counts.index = next_index_++;
    counts.log_e = log_evidence(counts.s, counts.f);
  }
  if (against_candidate) latch_if_due(walk, index);
}

// A place may have several open entries: the records of `other` stand for many paths.
bool Noise::is_repeat(Walk& walk, std::uint32_t index, bool against_candidate,
                      std::uint64_t values) {
  if (walk.key == nullptr) return false;
  const std::uint64_t place = place_in_service(walk.pair.route, index, walk.pair.control);
  still_open_.push_back({place, values, against_candidate, walk.pair.time});
  bool known = false;
  for (const Repeats::Seen& before : walk.key->open) {
    if (before.place != place) continue;
    known = true;
    const bool same = before.values == values && before.against_candidate == against_candidate;
    if (!same || walk.pair.time - before.voted >= kRepeatTime) continue;
    still_open_.back().voted = before.voted;
    return true;
  }
  return !known && walk.pair.time < forgetful_until_;
}

// What this pair did not show again is no longer the key's previous pair there.
void Noise::close_walk(Walk& walk) {
  if (walk.key == nullptr) return;
  for (const Repeats::Seen& seen : walk.key->open) {
    if (!of_control(seen, walk.pair.control)) still_open_.push_back(seen);
  }
  if (!walk.key->open.empty() || !still_open_.empty()) walk.key->open = still_open_;
}

void Noise::latch_if_due(const Walk& walk, std::uint32_t index) {
  RoutePaths& paths = routes_[walk.pair.route];
  PathRecord& record = paths.records[index];
  const Control control = walk.pair.control;
  if (record.latch || !may_latch(record, paths.pairs, control)) return;
  const ControlCounts& counts = record.of(control);
  const bool constant = is_constant(record, counts, paths.pairs, options_, walk.pair.time);
  if (!constant && !is_proven(record, counts, paths.pairs, options_)) return;
  record.latch = std::make_unique<Latch>(Latch{
      walk.pair.time, control, constant, counts.s, counts.f,
      std::max(static_cast<std::uint32_t>(record.keys.size()), record.keys_before),
      paths.pairs[static_cast<std::size_t>(control)].n, counts.log_e, counts.index});
  latched_.push_back({walk.pair.route, index});
}

// The candidate against itself shows what is noise and leaves the rest to directions.
bool Noise::may_latch(const PathRecord& record, const RoutePairs& pairs, Control control) const {
  const auto speaks = speaking(pairs, options_);
  if (speaks == control) return true;
  return speaks == Control::kItself && control == Control::kNone &&
         judge(record, pairs, options_) != Status::kNoise;
}

void Noise::add_error(std::uint64_t key, WallTime time, Control control, bool candidate_failed,
                      bool control_failed) {
  if (!control_failed) ++net_[static_cast<std::size_t>(control)].alive;
  count_net(control, key == 0 ? nullptr : &repeats_.get(key), time,
            candidate_failed && !control_failed, control_failed && !candidate_failed);
}

void Noise::count_net(Control control, Repeats::Key* key, WallTime time, bool plus, bool minus) {
  NetCounts& net = net_[static_cast<std::size_t>(control)].counts;
  if (plus != minus) {
    ++(plus ? net.plus : net.minus);
    return;
  }
  const auto second = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  if (key != nullptr && std::exchange(key->zero_second, second) == second) return;
  ++net.zero;
}

void Noise::touch(RouteIndex route_index, std::uint32_t index) {
  PathRecord& record = routes_[route_index].records[index];
  if (std::exchange(record.dirty, true)) return;
  dirty_.push_back({route_index, index});
}

std::vector<RecordIndex> Noise::take_dirty() {
  for (const RecordIndex& index : dirty_) routes_[index.route].records[index.record].dirty = false;
  return std::exchange(dirty_, {});
}

Status Noise::status(const RecordIndex& index) const {
  const RoutePaths& paths = routes_[index.route];
  return judge(paths.records[index.record], paths.pairs, options_);
}

Outcome Noise::outcome(RouteIndex route_index, const Signature& signature) const {
  const RoutePaths& paths = routes_[route_index];
  bool taken = signature.rules_took;
  bool noise = false;
  for (const SignaturePart& part : signature.parts) {
    const PathRecord& record = paths.records[part.record];
    if (record.ignored) {
      taken = true;
    } else if (part.control_too || judge(record, paths.pairs, options_) == Status::kNoise) {
      noise = true;
    } else {
      return Outcome::kMismatch;
    }
  }
  return noise ? Outcome::kNoise : taken ? Outcome::kIgnored : Outcome::kMatch;
}

std::array<std::uint64_t, kOutcomes> Noise::outcomes(RouteIndex route_index) const {
  if (route_index >= routes_.size()) return {};
  const Signatures& signatures = routes_[route_index].signatures;
  std::array<std::uint64_t, kOutcomes> sum = signatures.other();
  for (const Signature& one : signatures.all()) {
    sum[static_cast<std::size_t>(outcome(route_index, one))] += one.count;
  }
  return sum;
}

}  // namespace shadowtap::results
