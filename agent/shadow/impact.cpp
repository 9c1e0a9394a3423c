#include "agent/shadow/impact.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace shadowtap::shadow {
namespace {

constexpr std::uint64_t kMinInBlock = 3;
constexpr std::uint64_t kMinWindows = 8;
constexpr double kErrorsOfNote = 0.005;
constexpr double kSlowOfNote = 0.05;  // as much again as is slow by definition

double mean_ms(const Impact::Block& block) {
  return static_cast<double>(block.micros) / 1000 / static_cast<double>(block.count);
}

double share(std::uint64_t part, const Impact::Block& block) {
  return static_cast<double>(part) / static_cast<double>(block.count);
}

ImpactSide side_of(const Seen& seen) {
  return {in_milliseconds(seen.latency.quantile(0.5)), in_milliseconds(seen.latency.quantile(0.99)), seen.error_share(),
          seen.latency.count()};
}

}  // namespace

void Impact::Difference::add(double value) {
  ++n;
  const double before = value - mean;
  mean += before / static_cast<double>(n);
  squares += before * (value - mean);
}

// Wider than a t-interval of 99 %, because it is looked at again and again.
double Impact::Difference::half_width() const {
  const auto count = static_cast<double>(n);
  return (3.5 + 8 / count) * std::sqrt(squares / (count - 1) / count);
}

void Impact::add_period(const Block& on, const Block& off) {
  if (on.count < kMinInBlock || off.count < kMinInBlock) return;
  latency_ms_.add(mean_ms(on) - mean_ms(off));
  slow_share_.add(share(on.slow, on) - share(off.slow, off));
  error_share_.add(share(on.errors, on) - share(off.errors, off));
  off_ms_sum_ += mean_ms(off);
}

ImpactReport Impact::report(const Seen& on, const Seen& off) const {
  ImpactReport report;
  report.with_shadows = side_of(on);
  report.without_shadows = side_of(off);
  report.windows = latency_ms_.n;
  if (report.windows < kMinWindows) {
    report.interval =
        fmt::format("{} of {} windows without shadows seen", report.windows, kMinWindows);
    return report;
  }
  report.harm_ms = latency_ms_.mean;
  report.interval_ms = latency_ms_.half_width();
  const double off_ms = off_ms_sum_ / static_cast<double>(report.windows);
  const double slow = slow_share_.mean;
  const double slow_width = slow_share_.half_width();
  const double errors = error_share_.mean;
  const double error_width = error_share_.half_width();
  const bool small = report.harm_ms + report.interval_ms < std::max(1.0, off_ms / 10);
  const bool slower = report.harm_ms - report.interval_ms > 0 &&
                      report.harm_ms > std::max(0.1, off_ms / 50) && !small;
  const bool stalling = slow - slow_width > 0 && slow > kSlowOfNote;
  const bool failing = errors - error_width > 0 && errors > kErrorsOfNote;
  if (small && slow + slow_width < 3 * kSlowOfNote && errors + error_width < 2 * kErrorsOfNote) {
    report.verdict = ImpactReport::Verdict::kNone;
  }
  if (slower || stalling || failing) report.verdict = ImpactReport::Verdict::kHarm;
  report.interval = fmt::format(
      "mean with shadows minus without: {:+.2f} ms ± {:.2f} ms, slow ones {:+.1f} % ± {:.1f} %, "
      "errors {:+.2f} % ± {:.2f} % ({} windows)",
      report.harm_ms, report.interval_ms, 100 * slow, 100 * slow_width, 100 * errors,
      100 * error_width, report.windows);
  return report;
}

}  // namespace shadowtap::shadow
