// The sampling percentage as it rises over time, held where too much differs. Pure;
// time is an argument.
#pragma once

#include <algorithm>

#include "agent/shadow/options.h"

namespace shadowtap::shadow {

class RampProgress {
 public:
  explicit RampProgress(const Ramp& ramp) : ramp_(ramp) {}

  void observe_trouble(double share) { held_ = share > ramp_.hold_above; }
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
  Ramp ramp_;
  bool held_ = false;
  Time last_;
  Duration run_{};
};

}  // namespace shadowtap::shadow
