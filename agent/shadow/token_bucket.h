// So many per second, with bursts of a quarter of a second. Time is an argument.
// Not thread-safe.
#pragma once

#include <algorithm>

#include "agent/base/time.h"

namespace shadowtap::shadow {

class TokenBucket {
 public:
  // 0: no limit.
  explicit TokenBucket(double per_second = 0)
      : per_second_(per_second), burst_(std::max(1.0, per_second / 4)), tokens_(burst_) {}

  [[nodiscard]] bool take(Time now) {
    if (per_second_ <= 0) return true;
    if (last_ != Time{} && now > last_) {
      const double seconds = std::chrono::duration<double>(now - last_).count();
      tokens_ = std::min(burst_, tokens_ + seconds * per_second_);
    }
    last_ = std::max(last_, now);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double per_second_;
  double burst_;
  double tokens_;
  Time last_;
};

}  // namespace shadowtap::shadow
