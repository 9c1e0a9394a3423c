// A service's way to the store and back.
#include <algorithm>

#include "agent/results/sample_json.h"
#include "agent/results/sample_of.h"
#include "agent/results/service.h"
#include "agent/results/store_text.h"

namespace shadowtap::results {
namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

template <class Visit>
void each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

RouteKey Service::key_of(RouteIndex route) const {
  return {options_.name, routes_.at(route).method, routes_.at(route).name};
}

void Service::collect(StoreRows& rows, bool everything) {
  if (std::exchange(cleared_, false)) {
    rows.forgotten.push_back(options_.name);
    everything = true;
  }
  if (everything) rows.cleared.push_back(options_.name);
  for (GoneRoute& gone : std::exchange(gone_, {})) rows.gone.push_back(std::move(gone));
  const std::size_t before = rows.routes.size();
  std::vector<RecordIndex> dirty = noise_.take_dirty();
  if (everything) dirty = all_records();
  for (const RecordIndex& index : dirty) rows.paths.push_back(path_row(index));
  for (RouteIndex route = 0; route < counts_.size(); ++route) {
    const bool changed = std::exchange(counts_[route].dirty, false);
    if ((changed || everything) && counts_[route].exchanges > 0) rows.routes.push_back(route_row(route));
  }
  collect_samples(rows, everything);
  for (BucketRow& bucket : buckets_) rows.buckets.push_back(std::move(bucket));
  buckets_.clear();
  bucket_of_.clear();
  if (!everything && rows.routes.size() == before) return;
  rows.services.push_back({options_.name, options_.epoch, since_.time_since_epoch().count(),
                           noise_.next_index(), text_of(noise_.net()), pace_.to_text(),
                           joined(routes_.given_up()), next_pace_index_});
}

void Service::drop_uncollected() {
  noise_.take_dirty();
  samples_.take_added();
  samples_.take_removed();
  gone_.clear();
  buckets_.clear();
  bucket_of_.clear();
}

std::vector<RecordIndex> Service::all_records() const {
  std::vector<RecordIndex> all;
  for (RouteIndex route = 0; route < noise_.routes().size(); ++route) {
    for (std::uint32_t i = 0; i < noise_.routes()[route].records.size(); ++i) all.push_back({route, i});
  }
  return all;
}

void Service::collect_samples(StoreRows& rows, bool everything) {
  std::vector<SampleId> added = samples_.take_added();
  for (const SampleId id : samples_.take_removed()) rows.removed_samples.push_back(id);
  if (everything) {
    added.clear();
    for (const auto& [id, sample] : samples_.all()) added.push_back(id);
  }
  std::sort(added.begin(), added.end());
  added.erase(std::unique(added.begin(), added.end()), added.end());
  for (const SampleId id : added) {
    const Sample* sample = samples_.find(id);
    if (sample == nullptr) continue;  // came and went
    rows.samples.push_back({id, key_of(sample->route),
                            sample->detail.row.time.time_since_epoch().count(),
                            text_of(sample->signature), to_json(sample->detail)});
  }
}

PathRow Service::path_row(const RecordIndex& index) const {
  const PathRecord& record = noise_.routes()[index.route].records[index.record];
  PathRow row;
  row.key = key_of(index.route);
  row.number = index.record;
  if (record.path != kGonePath) row.path = names_.name(record.path);
  row.kind = static_cast<std::uint8_t>(record.kind);
  row.shape = static_cast<std::uint8_t>(record.shape);
  row.counts = text_of_counts(record);
  row.latch = text_of_latch(record);
  row.keys = std::max(static_cast<std::uint32_t>(record.keys.size()), record.keys_before);
  return row;
}

RouteRow Service::route_row(RouteIndex route) const {
  const RouteCounts& c = counts_[route];
  RouteRow row;
  row.key = key_of(route);
  row.exchanges = c.exchanges;
  row.compared = c.compared;
  row.errors = c.errors;
  row.refused = c.refused;
  row.not_comparable = c.not_comparable;
  row.skipped = c.skipped;
  row.pace = c.pace.to_text();
  row.pace_index = c.pace_index;
  row.original = c.original.to_text();
  row.candidate = c.candidate.to_text();
  row.secondary = c.secondary.to_text();
  row.maps = joined(c.maps.all());
  if (const RoutePaths* paths = noise_.find(route)) {
    row.pairs = text_of(paths->pairs);
    row.signatures = text_of(paths->signatures);
  }
  return row;
}

// Only what belongs to this epoch counts on; the rest is cleared with the next flush.
void Service::restore(const StoreRows& rows, WallTime now) {
  const auto mine = std::find_if(rows.services.begin(), rows.services.end(),
                                 [&](const ServiceRow& row) { return row.name == options_.name; });
  if (mine == rows.services.end()) return;
  if (mine->epoch != options_.epoch) {
    cleared_ = true;
    since_ = now;
    return;
  }
  since_ = WallTime(Duration(mine->since_ns));
  noise_.restore_next_index(std::max<std::uint32_t>(mine->next_index, 1));
  read(mine->net, noise_.net());
  const bool had_secondary = noise_.net()[static_cast<std::size_t>(Control::kSecondary)].alive > 0;
  if (noise_.options().has_secondary && !had_secondary) forget_uncontrolled();
  pace_.restore(mine->pace);
  next_pace_index_ = std::max<std::uint32_t>(mine->next_pace, 1);
  noise_.resume();
  each_line(mine->given_up, [&](std::string_view name) { routes_.restore_given_up(name); });
  for (const PathRow& row : rows.paths) {
    if (row.key.service == options_.name) restore(row);
  }
  for (const RouteRow& row : rows.routes) {
    if (row.key.service == options_.name) restore(row);
  }
  noise_.relatch();
  for (const SampleRow& row : rows.samples) {
    if (row.key.service == options_.name) restore(row);
  }
  (void)samples_.take_added();  // what did not fit any more is removed with the next flush
  (void)noise_.take_dirty();
}

void Service::restore(const PathRow& row) {
  const RouteIndex route = routes_.restore(row.key.method, row.key.route);
  if (row.number >= kMaxRestoredPaths) return;
  PathRecord record;
  record.path = row.path.empty() ? kGonePath : names_.id(row.path);
  record.kind = static_cast<diff::Kind>(row.kind);
  record.shape = static_cast<Shape>(row.shape);
  read_counts(row.counts, record);
  read_latch(row.latch, record);
  record.keys_before = row.keys;
  noise_.restore_record(route, row.number, std::move(record));
}

void Service::restore(const RouteRow& row) {
  const RouteIndex route = routes_.restore(row.key.method, row.key.route);
  RouteCounts& c = counts(route);
  c.exchanges = row.exchanges;
  c.compared = row.compared;
  c.errors = row.errors;
  c.refused = row.refused;
  c.not_comparable = row.not_comparable;
  c.skipped = row.skipped;
  c.pace.restore(row.pace);
  c.pace_index = row.pace_index;
  c.original = Histogram::from_text(row.original);
  c.candidate = Histogram::from_text(row.candidate);
  c.secondary = Histogram::from_text(row.secondary);
  each_line(row.maps, [&](std::string_view map) { c.maps.learn(std::string(map) + ".*"); });
  RoutePaths& paths = noise_.route(route);
  read(row.pairs, paths.pairs);
  read(row.signatures, paths.records.size(), paths.signatures);
}

void Service::restore(const SampleRow& row) {
  auto detail = detail_from_json(row.document);
  if (!detail) return;
  Sample sample;
  sample.id = row.id;
  sample.route = routes_.restore(row.key.method, row.key.route);
  counts(sample.route);
  sample.detail = std::move(*detail);
  sample.detail.row.id = to_id(row.id);
  sample.detail.row.service = options_.name;
  sample.detail.row.time = WallTime(Duration(row.time_ns));
  sample.signature = read_signature(row.parts);
  sample.bytes = bytes_of(sample.detail);
  const std::size_t records = noise_.route(sample.route).records.size();
  std::erase_if(sample.signature.parts, [&](const SignaturePart& part) { return part.record >= records; });
  std::vector<std::uint32_t> places;
  for (const SignaturePart& part : sample.signature.parts) places.push_back(part.record);
  if (places.empty()) places.push_back(kErrorPlaces);
  std::vector<std::uint64_t> seen;
  for (const std::uint32_t place : places) {
    std::uint64_t n = counts_[sample.route].errors;
    if (place < records) n = noise_.route(sample.route).records[place].differing();
    seen.push_back(n);
  }
  samples_.restore(std::move(sample), places, seen);
}

void Service::count_bucket(RouteIndex route, const char* outcome, WallTime time) {
  const auto minute = std::chrono::floor<std::chrono::minutes>(time).time_since_epoch().count();
  const auto [it, fresh] = bucket_of_.try_emplace({route, minute, outcome}, buckets_.size());
  if (fresh) buckets_.push_back({key_of(route), minute, outcome, 0});
  ++buckets_[it->second].n;
}

}  // namespace shadowtap::results
