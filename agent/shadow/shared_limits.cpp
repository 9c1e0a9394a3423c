#include "agent/shadow/shared_limits.h"

#include <algorithm>

namespace shadowtap::shadow {
namespace {

constexpr std::int64_t kBurstNs = 250'000'000;

}  // namespace

void SharedLimits::set(const GlobalLimits& limits) {
  max_in_flight_ = static_cast<std::int64_t>(limits.max_in_flight);
  const std::int64_t interval = limits.rate > 0 ? static_cast<std::int64_t>(1e9 / limits.rate) : 0;
  if (interval_ns_.exchange(interval) != interval) next_free_ns_ = 0;
}

bool SharedLimits::enter() {
  const std::int64_t limit = max_in_flight_.load(std::memory_order_relaxed);
  if (in_flight_.fetch_add(1, std::memory_order_relaxed) < limit || limit == 0) return true;
  leave();
  return false;
}

bool SharedLimits::take(Time now) {
  const std::int64_t interval = interval_ns_.load(std::memory_order_relaxed);
  if (interval == 0) return true;
  const std::int64_t now_ns = now.time_since_epoch().count();
  std::int64_t seen = next_free_ns_.load(std::memory_order_relaxed);
  while (true) {
    const std::int64_t start = std::max(seen, now_ns);
    if (start - now_ns > std::max<std::int64_t>(kBurstNs - interval, 0)) return false;
    if (next_free_ns_.compare_exchange_weak(seen, start + interval,
                                            std::memory_order_relaxed)) {
      return true;
    }
  }
}

}  // namespace shadowtap::shadow
