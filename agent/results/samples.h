// The exchanges kept to look at: for each place the newest few and a fair choice of all
// (reservoir), redacted, under a byte cap and an age. A sample lives as long as one
// place holds it.
//
// Control thread. Owned by one service's results.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <unordered_map>
#include <vector>

#include "agent/results/noise.h"
#include "agent/results/results.h"

namespace shadowtap::results {

using SampleId = std::uint64_t;  // grows with time, also across restarts

struct Sample {
  SampleId id = 0;
  RouteIndex route = 0;
  DiffDetail detail;  // route and outcome are filled in when read
  Signature signature;
  std::size_t bytes = 0;
};

class Samples {
 public:
  struct Limits {
    std::size_t per_place = 5;
    std::size_t max_bytes = 64 << 20;
    Duration max_age = std::chrono::hours(7 * 24);
  };
  // `service` tells the samples of services apart: below 1,024.
  explicit Samples(const Limits& limits, std::size_t service = 0);

  // The places, of those that differed, that would keep a sample of now; empty: do not
  // even build it.
  std::vector<std::uint32_t> wanted(RouteIndex route, const std::vector<std::uint32_t>& records,
                                    WallTime now);
  SampleId next_id(WallTime now);
  void add(Sample sample, const std::vector<std::uint32_t>& records);

  // Puts back what was kept, oldest first: spread over the places' reservoirs, the last ones
  // as the newest. `seen` is how often each place differed so far.
  void restore(Sample sample, const std::vector<std::uint32_t>& records,
               const std::vector<std::uint64_t>& seen);

  void expire(WallTime now);
  void merge_routes(RouteIndex from, RouteIndex into,
                    const std::vector<std::uint32_t>& moved_records);
  void merge_record(RouteIndex route, std::uint32_t from, std::uint32_t into);
  void clear();

  const std::map<SampleId, Sample>& all() const { return all_; }
  const Sample* find(SampleId id) const;
  const Sample* newest_of(RouteIndex route, std::uint32_t record) const;
  std::size_t bytes() const { return bytes_; }

  // For the store: what came and went since the last call.
  std::vector<SampleId> take_added() { return std::exchange(added_, {}); }
  std::vector<SampleId> take_removed() { return std::exchange(removed_, {}); }

 private:
  struct Held {
    SampleId id;
    WallTime time;
  };
  struct Slot {
    std::uint64_t seen = 0;
    std::vector<Held> newest;
    std::vector<SampleId> reservoir;
    std::size_t replace = SIZE_MAX;  // decided by wanted()
    bool as_newest = false;
  };
  static std::uint64_t key(RouteIndex route, std::uint32_t record) {
    return std::uint64_t{route} << 32 | record;
  }
  void release(SampleId id);
  void drop(SampleId id);
  void hold(Slot& slot, const Sample& sample);
  void merge_slots(std::uint64_t from, std::uint64_t into);

  Limits limits_;
  std::mt19937_64 random_;
  std::map<SampleId, Sample> all_;
  std::unordered_map<SampleId, std::uint32_t> holders_;
  std::unordered_map<std::uint64_t, Slot> slots_;
  std::size_t bytes_ = 0;
  std::size_t service_;
  std::uint64_t last_number_ = 0;  // microseconds, or more where two came in one
  std::vector<SampleId> added_, removed_;
};

}  // namespace shadowtap::results
