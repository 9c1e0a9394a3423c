// Remembers, for the request keys seen last, what their previous pair showed at each
// path: an answer that is cached tells the same thing again and again, and that is one
// observation, not many. Bounded; what it had to forget is counted.
//
// Control thread. Owned by Noise.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "agent/base/time.h"

namespace shadowtap::results {

class Repeats {
 public:
  // What a discordant pair of a key shows at one place.
  struct Seen {
    std::uint64_t place = 0;   // (path, kind, control)
    std::uint64_t values = 0;  // hash of the two values
    bool against_candidate = false;
    WallTime voted;
  };
  struct Key {
    std::vector<Seen> open;
    std::int64_t zero_second = INT64_MIN;  // when it last counted as "nothing differs"
  };

  explicit Repeats(std::size_t max_keys);

  // The state of a key, made if new; the key forgotten for it is counted.
  Key& get(std::uint64_t key);
  std::uint64_t evicted() const { return evicted_; }
  void clear();

 private:
  static constexpr std::uint32_t kNobody = UINT32_MAX;
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t newer = kNobody, older = kNobody;
    Key state;
  };
  void unlink(std::uint32_t index);
  void make_newest(std::uint32_t index);

  std::size_t max_keys_;
  std::vector<Slot> slots_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_key_;
  std::uint32_t newest_ = kNobody, oldest_ = kNobody;
  std::uint64_t evicted_ = 0;
};

}  // namespace shadowtap::results
