// Keeps shadows from hurting the service they copy: they load what candidate and
// service share. Watches the original's own latency and 5xx share and lowers the share
// of requests that may be sent.
//
//   a closed window is      | the share
//   worse, twice in a row   | halves; below 1/16 it becomes 0
//   calm, share > 0         | grows by a quarter
//   calm, share 0           | 1/16, after a rest that doubles each time
//
// The baseline is what was seen while shadows were off (OffWindows, pause) where that is
// enough, else a slow average of calm windows. Not of those with a lowered share: step by
// step it would get used to the harm. While the share is 0 it follows what is seen: if the
// service stays slow without us, that is its new normal.
// Pure; time is an argument. Not thread-safe; one per service (ServiceHealth).
#pragma once

#include <array>

#include "agent/base/time.h"
#include "agent/shadow/seen.h"

namespace shadowtap::shadow {

class Guard {
 public:
  // What ended since the last call, with shadows being sent and without.
  void observe(const Seen& on, const Seen& off, Time now);

  // Of the requests, 0 to 1.
  double share() const { return share_; }

 private:
  struct Baseline {  // of the 0.9- and 0.99-quantile
    std::array<double, 2> ms{};
    double errors = 0;
    bool known = false;
  };

  void learn_off(const Seen& off, Time now);
  void close_window(Time now);
  bool worse(double high_ms, double errors, std::size_t which) const;
  void learn(double high_ms, double errors, std::size_t which, double weight);
  void lower(Time now);
  void raise(Time now);

  double share_ = 1;
  Seen window_;
  Time window_start_;
  Seen off_;
  Time off_halved_;
  Baseline baseline_;
  int worse_in_a_row_ = 0;
  Time resting_since_;
  Duration rest_ = std::chrono::seconds(5);
};

}  // namespace shadowtap::shadow
