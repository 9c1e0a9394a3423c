#include "agent/shadow/guard.h"

#include <algorithm>

namespace shadowtap::shadow {
namespace {

using namespace std::chrono_literals;

constexpr Duration kMinWindow = 1s;
constexpr Duration kMediumWindow = 2s;
constexpr Duration kMaxWindow = 10s;
constexpr std::uint64_t kManySamples = 200;   // enough for a 0.99-quantile
constexpr std::uint64_t kMediumSamples = 50;  // and for a 0.9-quantile
constexpr std::uint64_t kFewSamples = 20;
constexpr std::uint64_t kMinOff = 50;
constexpr Duration kOffHalfLife = 60s;
constexpr Duration kMaxRest = 60s;
constexpr double kLeastShare = 1.0 / 16;
constexpr std::array<double, 2> kQuantiles{0.9, 0.99};

void add(const Seen& more, Seen& to) {
  to.latency.add(more.latency);
  to.errors += more.errors;
}

}  // namespace

void Guard::observe(const Seen& on, const Seen& off, Time now) {
  learn_off(off, now);
  if (window_start_ == Time{}) window_start_ = now;
  add(on, window_);
  if (share_ == 0) add(off, window_);
  const Duration age = now - window_start_;
  const std::uint64_t count = window_.latency.count();
  const bool enough = (age >= kMinWindow && count >= kManySamples) ||
                      (age >= kMediumWindow && count >= kMediumSamples);
  if (enough || age >= kMaxWindow) close_window(now);
}

void Guard::learn_off(const Seen& off, Time now) {
  if (now - off_halved_ > kOffHalfLife) {
    off_.latency.halve();
    off_.errors /= 2;
    off_halved_ = now;
  }
  add(off, off_);
}

void Guard::close_window(Time now) {
  const std::uint64_t count = window_.latency.count();
  if (count >= kFewSamples) {
    const std::size_t which = count >= kManySamples ? 1 : 0;
    const double high = in_milliseconds(window_.latency.quantile(kQuantiles[which]));
    const double errors = window_.error_share();
    const bool is_worse = worse(high, errors, which);
    worse_in_a_row_ = is_worse ? worse_in_a_row_ + 1 : 0;
    if (!is_worse && share_ == 1) learn(high, errors, which, 0.1);
    if (share_ == 0) learn(high, errors, which, 0.3);
    if (worse_in_a_row_ >= 2) {
      lower(now);
    } else if (!is_worse) {
      raise(now);
    }
  }
  window_ = {};
  window_start_ = now;
}

bool Guard::worse(double high_ms, double errors, std::size_t which) const {
  double base_ms = baseline_.ms[which];
  double base_errors = baseline_.errors;
  bool known = baseline_.known && base_ms > 0;
  if (off_.latency.count() >= kMinOff && share_ > 0) {
    base_ms = in_milliseconds(off_.latency.quantile(kQuantiles[which]));
    base_errors = off_.error_share();
    known = true;
  }
  return known && (high_ms > 2 * base_ms + 5 || errors > 2 * base_errors + 0.05);
}

void Guard::learn(double high_ms, double errors, std::size_t which, double weight) {
  double& base = baseline_.ms[which];
  base = base == 0 ? high_ms : base + weight * (high_ms - base);
  baseline_.errors =
      baseline_.known ? baseline_.errors + weight * (errors - baseline_.errors) : errors;
  baseline_.known = true;
}

void Guard::lower(Time now) {
  worse_in_a_row_ = 0;
  if (share_ == 0) return;
  share_ /= 2;
  if (share_ >= kLeastShare) return;
  share_ = 0;
  resting_since_ = now;
}

void Guard::raise(Time now) {
  if (share_ == 0) {
    if (now - resting_since_ < rest_) return;
    share_ = kLeastShare;
    rest_ = std::min<Duration>(rest_ * 2, kMaxRest);
    return;
  }
  share_ = std::min(1.0, share_ * 1.25);
  if (share_ == 1) rest_ = 5s;
}

}  // namespace shadowtap::shadow
