// How one service itself fares with and without shadows, seen by all shards together:
// each adds what its own originals took, one thread decides from all of it, and what the
// guard decided is one word that every shard reads. With an opinion of its own each shard
// would judge by a fraction of the traffic, and they would pull in different directions.
//
// The agent owns one per service; it outlives the dispatchers.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "agent/http/exchange.h"
#include "agent/shadow/guard.h"
#include "agent/shadow/health_figures.h"
#include "agent/shadow/impact.h"
#include "agent/shadow/off_windows.h"

namespace shadowtap::shadow {

class ServiceHealth {
 public:
  // `seed` draws the places of the windows without shadows.
  ServiceHealth(const DispatchOptions& dispatch, std::size_t shards, std::uint64_t seed,
                Time started);

  // Any thread.
  OffWindows::Phase phase(Time now) const;
  // Of the requests, 0 to 1: what the guard lets through.
  double share() const { return share_.load(std::memory_order_relaxed); }
  bool admits(http::ExchangeId id) const;

  // That shard's thread. `sending`: whether shadows were being sent, windows aside.
  void observe(std::size_t shard, Duration latency, bool error, bool sending, Time now);

  // One thread, about every 100 ms.
  void decide(Time now);
  // The same thread: another `guard` or `impact`. A guard that was off begins anew, and lets
  // everything through while it is off; other windows begin after their delay.
  void set(const DispatchOptions& dispatch, Time now);
  ImpactReport impact() const;

 private:
  using Sides = std::array<HealthFigures::Tally, 2> HealthFigures::*;
  struct Windows {
    ImpactOptions options;
    OffWindows in;
    Time since;  // before, others held
  };

  Seen total(Sides of, std::size_t side) const;
  Seen fresh(std::size_t side);
  void close_period(Time now);
  Impact::Block take_block(std::size_t parity, std::size_t side);
  void begin_guard();
  void begin_windows(const ImpactOptions& options, Time now);

  const std::uint64_t seed_;
  std::vector<std::unique_ptr<const Windows>> all_windows_;  // a shard may still read earlier ones
  std::atomic<const Windows*> windows_{nullptr};
  std::vector<std::unique_ptr<HealthFigures>> shards_;  // each is written by its own thread
  std::atomic<double> share_{1};
  std::atomic<std::int64_t> slow_micros_;  // what takes longer is slow, whatever it takes

  // Of the deciding thread.
  bool guarded_;
  Guard guard_;
  Impact impact_;
  std::array<std::array<std::uint64_t, LatencyHistogram::kBuckets + 1>, 2> told_{};
  std::array<std::array<Impact::Block, 2>, 2> closed_{};
  std::int64_t period_ = 0;  // the oldest that is not closed
};

}  // namespace shadowtap::shadow
