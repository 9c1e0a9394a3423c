#include "agent/shadow/impact.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace shadowtap::shadow {
namespace {

constexpr Duration kSettle = std::chrono::milliseconds(50);
constexpr double kMaxMs = 1000;  // one stall must not outweigh a day
constexpr std::uint64_t kMinInBlock = 3;
constexpr std::uint64_t kMinWindows = 8;

// Wider than a t-interval of 99 %, because it is looked at again and again.
double half_width(std::uint64_t n, double squares) {
  const auto count = static_cast<double>(n);
  return (3.5 + 8 / count) * std::sqrt(squares / (count - 1) / count);
}

}  // namespace

void Impact::observe(Duration latency, bool error, const OffWindows::Phase& phase) {
  if (phase.period != period_) close_period();
  period_ = phase.period;
  if (phase.into < kSettle + latency) return;
  Side& side = phase.off ? off_ : on_;
  side.latency.add(latency);
  if (error) ++side.errors;
  Block& block = phase.off ? period_off_ : period_on_;
  block.sum_ms += std::min(in_milliseconds(latency), kMaxMs);
  ++block.count;
}

void Impact::close_period() {
  const Block on = std::exchange(period_on_, {});
  const Block off = std::exchange(period_off_, {});
  if (on.count < kMinInBlock || off.count < kMinInBlock) return;
  const double off_mean = off.sum_ms / static_cast<double>(off.count);
  const double difference = on.sum_ms / static_cast<double>(on.count) - off_mean;
  ++windows_;
  const double before = difference - mean_;
  mean_ += before / static_cast<double>(windows_);
  squares_ += before * (difference - mean_);
  off_mean_sum_ += off_mean;
}

ImpactSide Impact::side_of(const Side& side) {
  ImpactSide out;
  out.p50_ms = in_milliseconds(side.latency.quantile(0.5));
  out.p99_ms = in_milliseconds(side.latency.quantile(0.99));
  out.exchanges = side.latency.count();
  if (out.exchanges > 0) {
    out.error_share = static_cast<double>(side.errors) / static_cast<double>(out.exchanges);
  }
  return out;
}

ImpactReport Impact::report() const {
  ImpactReport report;
  report.with_shadows = side_of(on_);
  report.without_shadows = side_of(off_);
  report.windows = windows_;
  if (windows_ < kMinWindows) {
    report.interval =
        fmt::format("{} of {} windows without shadows seen", windows_, kMinWindows);
    return report;
  }
  report.harm_ms = mean_;
  report.interval_ms = half_width(windows_, squares_);
  const double off_mean = off_mean_sum_ / static_cast<double>(windows_);
  const bool above = mean_ - report.interval_ms > 0 && mean_ > std::max(0.1, off_mean / 50);
  const bool small = mean_ + report.interval_ms < std::max(1.0, off_mean / 10);
  if (small) report.verdict = ImpactReport::Verdict::kNone;
  if (above && !small) report.verdict = ImpactReport::Verdict::kHarm;
  report.interval =
      fmt::format("mean with shadows minus without: {:+.2f} ms ± {:.2f} ms ({} windows)", mean_,
                  report.interval_ms, windows_);
  return report;
}

}  // namespace shadowtap::shadow
