// Re-filing: what two routes or two paths counted, once they turn out to be one.
#include <algorithm>

#include "agent/results/noise.h"

namespace shadowtap::results {
namespace {

// Counts add up; evidence starts anew, for the two were not one bet from the start.
void add_counts(PathRecord& into, PathRecord& from) {
  for (const ControlCounts& one : from.counts) {
    ControlCounts& sum = into.of(one.control);
    sum.both += one.both;
    sum.candidate_only += one.candidate_only;
    sum.control_only += one.control_only;
  }
  for (ControlCounts& one : into.counts) {
    one.s = one.f = one.index = 0;
    one.log_e = 0;
  }
  if (into.shape == Shape::kUnseen) into.shape = from.shape;
  if (from.shape != Shape::kUnseen && from.shape != into.shape) into.shape = Shape::kNone;
  into.ignored = into.ignored && from.ignored;
  if (!into.latch) into.latch = std::move(from.latch);
  into.keys_before = std::max(into.keys_before, from.keys_before);
  for (const std::uint64_t key : from.keys) {
    if (into.keys.size() >= kMaxKeysNamed) break;
    if (std::find(into.keys.begin(), into.keys.end(), key) == into.keys.end()) {
      into.keys.push_back(key);
    }
  }
}

void add_pairs(RoutePairs& into, const RoutePairs& from) {
  for (std::size_t i = 0; i < kControls; ++i) {
    if (from[i].n == 0) continue;
    into[i].first = into[i].n == 0 ? from[i].first : std::min(into[i].first, from[i].first);
    into[i].n += from[i].n;
  }
}

void unique_parts(std::vector<SignaturePart>& parts) {
  std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) {
    return a.record != b.record ? a.record < b.record : a.control_too < b.control_too;
  });
  // One place, once with and once without the control: without decides the outcome.
  parts.erase(std::unique(parts.begin(), parts.end(),
                          [](const auto& a, const auto& b) { return a.record == b.record; }),
              parts.end());
}

}  // namespace

std::vector<std::uint32_t> Noise::merge_routes(RouteIndex from, RouteIndex into) {
  route(std::max(from, into));
  std::vector<std::uint32_t> moved;
  for (std::size_t i = 0; i < routes_[from].records.size(); ++i) {
    PathRecord& record = routes_[from].records[i];
    const std::uint32_t index = record_of(into, record.path, record.kind);
    add_counts(routes_[into].records[index], record);
    touch(into, index);
    moved.push_back(index);
  }
  add_pairs(routes_[into].pairs, routes_[from].pairs);
  for (Signature signature : routes_[from].signatures.all()) {
    const Outcome decided = outcome(from, signature);
    for (SignaturePart& part : signature.parts) part.record = moved[part.record];
    unique_parts(signature.parts);
    routes_[into].signatures.add(signature.parts, signature.rules_took, decided, signature.count);
  }
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    routes_[into].signatures.add_other(static_cast<Outcome>(i), routes_[from].signatures.other()[i]);
  }
  std::erase_if(dirty_, [&](const RecordIndex& one) { return one.route == from; });
  routes_[from] = {};
  relatch();
  return moved;
}

void Noise::merge_records(RouteIndex route_index, std::uint32_t from, std::uint32_t into) {
  RoutePaths& paths = routes_[route_index];
  add_counts(paths.records[into], paths.records[from]);
  touch(route_index, into);
  paths.by_place.erase(place_of(paths.records[from].path, paths.records[from].kind));
  Signatures old = std::move(paths.signatures);
  paths.signatures = {};
  for (Signature signature : old.all()) {
    const Outcome decided = outcome(route_index, signature);
    for (SignaturePart& part : signature.parts) {
      if (part.record == from) part.record = into;
    }
    unique_parts(signature.parts);
    paths.signatures.add(signature.parts, signature.rules_took, decided, signature.count);
  }
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    paths.signatures.add_other(static_cast<Outcome>(i), old.other()[i]);
  }
  PathRecord gone;
  gone.path = kGonePath;
  gone.dirty = paths.records[from].dirty;
  paths.records[from] = std::move(gone);
  touch(route_index, from);
  relatch();
}

void Noise::restore_record(RouteIndex route_index, std::uint32_t index, PathRecord record) {
  RoutePaths& paths = route(route_index);
  while (paths.records.size() <= index) {
    paths.records.emplace_back();
    paths.records.back().path = kGonePath;
  }
  if (record.path != kGonePath) paths.by_place.emplace(place_of(record.path, record.kind), index);
  paths.records[index] = std::move(record);
}

void Noise::relatch() {
  latched_.clear();
  for (RouteIndex route_index = 0; route_index < routes_.size(); ++route_index) {
    for (std::uint32_t i = 0; i < routes_[route_index].records.size(); ++i) {
      if (routes_[route_index].records[i].latch) latched_.push_back({route_index, i});
    }
  }
}

void Noise::clear() {
  routes_.clear();
  repeats_.clear();
  net_ = {};
  latched_.clear();
  dirty_.clear();
  next_index_ = 1;
  resumed_ = false;
  forgetful_until_ = {};
}

}  // namespace shadowtap::results
