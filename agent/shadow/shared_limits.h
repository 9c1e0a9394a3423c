// One rate and one in-flight limit over all targets, services and shards. Lock-free;
// any thread. Owned by the agent, outlives every dispatcher.
#pragma once

#include <atomic>
#include <cstdint>

#include "agent/base/time.h"
#include "agent/shadow/options.h"

namespace shadowtap::shadow {

class SharedLimits {
 public:
  explicit SharedLimits(const GlobalLimits& limits) { set(limits); }

  // May be called at any time. Another rate holds at once, whatever the old one has handed out
  // in advance.
  void set(const GlobalLimits& limits);

  // A place for one request in flight; give it back with leave().
  [[nodiscard]] bool enter();
  void leave() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }
  std::int64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

  // One request of the rate.
  [[nodiscard]] bool take(Time now);

 private:
  std::atomic<std::int64_t> in_flight_{0};
  std::atomic<std::int64_t> max_in_flight_{0};
  std::atomic<std::int64_t> interval_ns_{0};   // between requests at the full rate; 0: no limit
  std::atomic<std::int64_t> next_free_ns_{0};  // GCRA: when the bucket would be empty
};

}  // namespace shadowtap::shadow
