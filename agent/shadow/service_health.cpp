#include "agent/shadow/service_health.h"

#include <algorithm>

#include "agent/shadow/hash.h"

namespace shadowtap::shadow {
namespace {

using namespace std::chrono_literals;

constexpr Duration kSettle = 50ms;      // after a change, for what was under way
constexpr Duration kLastWrites = 20ms;  // shards may still add to the period before
constexpr std::int64_t kSlowAtFirst = 1'000'000;
constexpr std::uint64_t kEnoughToKnowSlow = 200;

}  // namespace

ServiceHealth::ServiceHealth(const DispatchOptions& dispatch, std::size_t shards,
                             std::uint64_t seed, Time started)
    : seed_(seed), slow_micros_(kSlowAtFirst), guarded_(dispatch.guard) {
  for (std::size_t i = 0; i < shards; ++i) shards_.push_back(std::make_unique<HealthFigures>());
  begin_windows(dispatch.impact, started);
}

OffWindows::Phase ServiceHealth::phase(Time now) const {
  const Windows& windows = *windows_.load(std::memory_order_acquire);
  OffWindows::Phase phase = windows.in.at(now);
  phase.into = std::min(phase.into, now - windows.since);
  return phase;
}

void ServiceHealth::set(const DispatchOptions& dispatch, Time now) {
  if (dispatch.guard && !guarded_) begin_guard();
  guarded_ = dispatch.guard;
  if (!guarded_) share_.store(1, std::memory_order_relaxed);
  if (all_windows_.back()->options != dispatch.impact) begin_windows(dispatch.impact, now);
}

// What it was not told while it was off would come as one window.
void ServiceHealth::begin_guard() {
  guard_ = {};
  fresh(0);
  fresh(1);
}

// The period under way is left out of the impact.
void ServiceHealth::begin_windows(const ImpactOptions& options, Time now) {
  all_windows_.push_back(
      std::make_unique<const Windows>(Windows{options, OffWindows(options, seed_, now), now}));
  windows_.store(all_windows_.back().get(), std::memory_order_release);
  period_ = phase(now).period;
  for (const std::size_t side : {0u, 1u}) {
    take_block(0, side);
    take_block(1, side);
  }
}

bool ServiceHealth::admits(http::ExchangeId id) const {
  const double part = share();
  return part >= 1 || unit_interval(mix(id ^ 0x6a2d)) < part;
}

// Those near a change between on and off saw something of both.
void ServiceHealth::observe(std::size_t shard, Duration latency, bool error, bool sending,
                            Time now) {
  const OffWindows::Phase phase = this->phase(now);
  const std::size_t on = sending && !phase.off ? 1 : 0;
  HealthFigures& figures = *shards_[shard];
  if (phase.into < latency) return;
  figures.guard[on].add(latency, error);
  if (!sending || phase.into < kSettle + latency) return;
  figures.impact[on].add(latency, error);
  HealthFigures::Block& block = figures.blocks[static_cast<std::size_t>(phase.period & 1)][on];
  const std::int64_t micros = std::max<std::int64_t>(latency.count() / 1000, 0);
  const std::int64_t slow = slow_micros_.load(std::memory_order_relaxed);
  block.micros.add(static_cast<std::uint64_t>(std::min(micros, slow)));
  if (micros > slow) block.slow.add();
  if (error) block.errors.add();
  block.count.add();
}

Seen ServiceHealth::total(Sides of, std::size_t side) const {
  Seen sum;
  for (const auto& figures : shards_) {
    const HealthFigures::Tally& tally = ((*figures).*of)[side];
    for (std::size_t i = 0; i < LatencyHistogram::kBuckets; ++i) {
      sum.latency.add_to(i, static_cast<std::uint32_t>(tally.latencies[i].value()));
    }
    sum.errors += tally.errors.value();
  }
  return sum;
}

// What the guard was not told yet.
Seen ServiceHealth::fresh(std::size_t side) {
  Seen seen;
  auto& told = told_[side];
  for (std::size_t i = 0; i <= LatencyHistogram::kBuckets; ++i) {
    std::uint64_t now = 0;
    for (const auto& figures : shards_) {
      const HealthFigures::Tally& tally = figures->guard[side];
      now += i < LatencyHistogram::kBuckets ? tally.latencies[i].value() : tally.errors.value();
    }
    const std::uint64_t more = now - std::exchange(told[i], now);
    if (i < LatencyHistogram::kBuckets) {
      seen.latency.add_to(i, static_cast<std::uint32_t>(more));
    } else {
      seen.errors = more;
    }
  }
  return seen;
}

void ServiceHealth::decide(Time now) {
  close_period(now);
  if (!guarded_) return;
  const Seen off = fresh(0);
  guard_.observe(fresh(1), off, now);
  share_.store(guard_.share(), std::memory_order_relaxed);
}

void ServiceHealth::close_period(Time now) {
  const std::int64_t current = phase(now).period;
  if (current <= period_ || phase(now - kLastWrites).period != current) return;
  const auto parity = static_cast<std::size_t>((current - 1) & 1);
  const Impact::Block off = take_block(parity, 0);
  impact_.add_period(take_block(parity, 1), off);
  period_ = current;
  Seen all = total(&HealthFigures::impact, 0);
  all.latency.add(total(&HealthFigures::impact, 1).latency);
  if (all.latency.count() < kEnoughToKnowSlow) return;
  slow_micros_.store(all.latency.quantile(0.95).count() / 1000, std::memory_order_relaxed);
}

Impact::Block ServiceHealth::take_block(std::size_t parity, std::size_t side) {
  Impact::Block now;
  for (const auto& figures : shards_) {
    const HealthFigures::Block& block = figures->blocks[parity][side];
    now.count += block.count.value();
    now.micros += block.micros.value();
    now.slow += block.slow.value();
    now.errors += block.errors.value();
  }
  const Impact::Block before = std::exchange(closed_[parity][side], now);
  return {now.micros - before.micros, now.slow - before.slow, now.errors - before.errors,
          now.count - before.count};
}

ImpactReport ServiceHealth::impact() const {
  return impact_.report(total(&HealthFigures::impact, 1), total(&HealthFigures::impact, 0));
}

}  // namespace shadowtap::shadow
