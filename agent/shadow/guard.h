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
// enough, else a slow average of calm windows. While the share is 0 it follows what is
// seen: if the service stays slow without us, that is its new normal.
// Pure; time is an argument. Not thread-safe; one per dispatcher.
#pragma once

#include <array>

#include "agent/http/exchange.h"
#include "agent/shadow/latency_histogram.h"

namespace shadowtap::shadow {

class Guard {
 public:
  // `shadows_on`: whether shadows were being sent while this exchange ran.
  void observe(Duration latency, bool error, bool shadows_on, Time now);

  // Of the requests, 0 to 1.
  double share() const { return share_; }
  bool admits(http::ExchangeId id) const;

 private:
  struct Baseline {  // of the 0.9- and 0.99-quantile
    std::array<double, 2> ms{};
    double errors = 0;
    bool known = false;
  };

  void close_window(Time now);
  bool worse(double high_ms, double errors, std::size_t which) const;
  void learn(double high_ms, double errors, std::size_t which, double weight);
  void lower(Time now);
  void raise(Time now);

  double share_ = 1;
  LatencyHistogram window_;
  std::uint64_t window_errors_ = 0;
  Time window_start_;
  LatencyHistogram off_;
  std::uint64_t off_errors_ = 0;
  Time off_halved_;
  Baseline baseline_;
  int worse_in_a_row_ = 0;
  Time resting_since_;
  Duration rest_ = std::chrono::seconds(5);
};

}  // namespace shadowtap::shadow
