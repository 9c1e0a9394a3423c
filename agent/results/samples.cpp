#include "agent/results/samples.h"

#include <algorithm>

namespace shadowtap::results {
namespace {

using namespace std::chrono_literals;

// At one place, the newest are replaced no faster: a place that always differs must not
// cost a copy of each exchange.
constexpr Duration kNewestPause = 200ms;

}  // namespace

Samples::Samples(const Limits& limits, std::size_t service) : limits_(limits), service_(service) {}

std::vector<std::uint32_t> Samples::wanted(RouteIndex route,
                                           const std::vector<std::uint32_t>& records,
                                           WallTime now) {
  std::vector<std::uint32_t> wanting;
  if (limits_.per_place == 0) return wanting;
  for (const std::uint32_t record : records) {
    Slot& slot = slots_[key(route, record)];
    ++slot.seen;
    slot.replace = SIZE_MAX;
    slot.as_newest = slot.newest.size() < limits_.per_place ||
                     now - slot.newest.back().time >= kNewestPause;
    if (slot.reservoir.size() < limits_.per_place) {
      slot.replace = slot.reservoir.size();
    } else if (const std::uint64_t place = random_() % slot.seen; place < limits_.per_place) {
      slot.replace = place;
    }
    if (slot.as_newest || slot.replace != SIZE_MAX) wanting.push_back(record);
  }
  return wanting;
}

SampleId Samples::next_id(WallTime now) {
  const auto by_time = static_cast<std::uint64_t>(now.time_since_epoch().count() / 1000);
  last_number_ = std::max(last_number_ + 1, by_time);
  return last_number_ << 10 | service_;
}

void Samples::add(Sample sample, const std::vector<std::uint32_t>& records) {
  last_number_ = std::max(last_number_, sample.id >> 10);
  bytes_ += sample.bytes;
  added_.push_back(sample.id);
  const Sample& kept = all_.emplace(sample.id, std::move(sample)).first->second;
  const SampleId id = kept.id;
  ++holders_[id];  // ours, until every place had its turn
  for (const std::uint32_t record : records) hold(slots_[key(kept.route, record)], kept);
  release(id);
  while (bytes_ > limits_.max_bytes && !all_.empty()) drop(all_.begin()->first);
}

void Samples::restore(Sample sample, const std::vector<std::uint32_t>& records,
                      const std::vector<std::uint64_t>& seen) {
  Slot* emptiest = nullptr;
  for (std::size_t i = 0; i < records.size(); ++i) {
    Slot& slot = slots_[key(sample.route, records[i])];
    slot.seen = seen[i];
    slot.as_newest = true;
    slot.replace = SIZE_MAX;
    const std::size_t held = slot.reservoir.size();
    if (held >= limits_.per_place) continue;
    if (emptiest == nullptr || held < emptiest->reservoir.size()) emptiest = &slot;
  }
  if (emptiest != nullptr) emptiest->replace = emptiest->reservoir.size();
  add(std::move(sample), records);
}

void Samples::hold(Slot& slot, const Sample& sample) {
  if (slot.as_newest) {
    slot.newest.push_back({sample.id, sample.detail.row.time});
    ++holders_[sample.id];
    if (slot.newest.size() > limits_.per_place) {
      release(slot.newest.front().id);
      slot.newest.erase(slot.newest.begin());
    }
  }
  if (slot.replace == SIZE_MAX) return;
  ++holders_[sample.id];
  if (slot.replace < slot.reservoir.size()) {
    release(std::exchange(slot.reservoir[slot.replace], sample.id));
  } else {
    slot.reservoir.push_back(sample.id);
  }
}

void Samples::release(SampleId id) {
  const auto holder = holders_.find(id);
  if (holder == holders_.end() || --holder->second > 0) return;
  holders_.erase(holder);
  const auto it = all_.find(id);
  if (it == all_.end()) return;
  bytes_ -= it->second.bytes;
  all_.erase(it);
  removed_.push_back(id);
}

// Places that hold it keep a dead number until it is replaced.
void Samples::drop(SampleId id) {
  holders_[id] = 1;
  release(id);
}

void Samples::expire(WallTime now) {
  while (!all_.empty() && now - all_.begin()->second.detail.row.time > limits_.max_age) {
    drop(all_.begin()->first);
  }
}

void Samples::merge_slots(std::uint64_t from, std::uint64_t into) {
  const auto it = slots_.find(from);
  if (it == slots_.end()) return;
  Slot old = std::move(it->second);
  slots_.erase(it);
  Slot& slot = slots_[into];
  slot.seen += old.seen;
  slot.newest.insert(slot.newest.end(), old.newest.begin(), old.newest.end());
  std::sort(slot.newest.begin(), slot.newest.end(),
            [](const Held& a, const Held& b) { return a.id < b.id; });
  while (slot.newest.size() > limits_.per_place) {
    release(slot.newest.front().id);
    slot.newest.erase(slot.newest.begin());
  }
  for (const SampleId id : old.reservoir) {
    if (slot.reservoir.size() < limits_.per_place) {
      slot.reservoir.push_back(id);
    } else {
      release(id);
    }
  }
}

void Samples::merge_routes(RouteIndex from, RouteIndex into,
                           const std::vector<std::uint32_t>& moved_records) {
  for (std::uint32_t record = 0; record < moved_records.size(); ++record) {
    merge_slots(key(from, record), key(into, moved_records[record]));
  }
  for (std::uint32_t error = 0xffffff00; error != 0; ++error) {  // places of errors
    merge_slots(key(from, error), key(into, error));
  }
  for (auto& [id, sample] : all_) {
    if (sample.route != from) continue;
    sample.route = into;
    for (SignaturePart& part : sample.signature.parts) part.record = moved_records[part.record];
    added_.push_back(id);
  }
}

void Samples::merge_record(RouteIndex route, std::uint32_t from, std::uint32_t into) {
  merge_slots(key(route, from), key(route, into));
  for (auto& [id, sample] : all_) {
    if (sample.route != route) continue;
    for (SignaturePart& part : sample.signature.parts) {
      if (part.record == from) part.record = into;
    }
    added_.push_back(id);
  }
}

void Samples::clear() {
  for (const auto& [id, sample] : all_) removed_.push_back(id);
  all_.clear();
  holders_.clear();
  slots_.clear();
  bytes_ = 0;
}

const Sample* Samples::find(SampleId id) const {
  const auto it = all_.find(id);
  return it == all_.end() ? nullptr : &it->second;
}

const Sample* Samples::newest_of(RouteIndex route, std::uint32_t record) const {
  const auto it = slots_.find(key(route, record));
  if (it == slots_.end()) return nullptr;
  for (auto held = it->second.newest.rbegin(); held != it->second.newest.rend(); ++held) {
    if (const Sample* sample = find(held->id)) return sample;
  }
  return nullptr;
}

}  // namespace shadowtap::results
