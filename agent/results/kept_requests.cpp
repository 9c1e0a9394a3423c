#include "agent/results/kept_requests.h"

#include <chrono>

namespace shadowtap::results {
namespace {

constexpr std::size_t kMaxKept = 1000;
constexpr std::size_t kMaxBytes = 64 << 10;  // of one
constexpr Duration kMaxAge = std::chrono::hours(1);

// The upper bits of an id: microseconds since the epoch (Samples::next_id).
WallTime time_of(SampleId id) { return WallTime(std::chrono::microseconds(id >> 10)); }

}  // namespace

void KeptRequests::keep(SampleId id, const http::Exchange& exchange) {
  if (!exchange.request.body.whole()) return;
  std::size_t bytes = exchange.request.held_bytes();
  if (exchange.original) bytes += exchange.original->held_bytes();
  if (bytes > kMaxBytes) return;
  http::Exchange& kept = kept_[id];
  kept.service = exchange.service;
  kept.request = exchange.request;
  kept.original = exchange.original;
  while (kept_.size() > kMaxKept) kept_.erase(kept_.begin());
}

const http::Exchange* KeptRequests::find(SampleId id) const {
  const auto found = kept_.find(id);
  return found == kept_.end() ? nullptr : &found->second;
}

void KeptRequests::expire(const Samples& samples, WallTime now) {
  while (!kept_.empty()) {
    const SampleId oldest = kept_.begin()->first;
    if (now - time_of(oldest) <= kMaxAge && samples.find(oldest) != nullptr) return;
    kept_.erase(kept_.begin());
  }
}

}  // namespace shadowtap::results
