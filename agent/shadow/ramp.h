// The sampling percentage as it rises over time, held back while too much of what was
// compared of late (about the last kWindow comparisons) differs. Pure; time is an argument.
#pragma once

#include <algorithm>
#include <cstdint>

#include "agent/shadow/options.h"

namespace shadowtap::shadow {

class RampProgress {
 public:
  explicit RampProgress(const Ramp& ramp) : ramp_(ramp) {}

  // Comparisons since the last call, and how many of them were mismatches or errors.
  void observe(std::uint64_t trouble, std::uint64_t all) {
    const double fresh = static_cast<double>(all);
    const double keep = std::max(0.0, 1 - fresh / kWindow);
    trouble_ = keep * trouble_ + static_cast<double>(trouble);
    all_ = keep * all_ + fresh;
    held_ = all_ > 0 && trouble_ / all_ > ramp_.hold_above;
  }
  void tick(Time now) {
    if (last_ != Time{} && !held_ && now > last_) run_ += now - last_;
    last_ = now;
  }
  bool held() const { return held_; }
  double percent() const {
    if (ramp_.over <= Duration::zero()) return ramp_.to;
    const double part =
        static_cast<double>(run_.count()) / static_cast<double>(ramp_.over.count());
    return ramp_.from + (ramp_.to - ramp_.from) * std::min(1.0, part);
  }

 private:
  static constexpr double kWindow = 200;

  Ramp ramp_;
  double trouble_ = 0;
  double all_ = 0;
  bool held_ = false;
  Time last_;
  Duration run_{};
};

}  // namespace shadowtap::shadow
