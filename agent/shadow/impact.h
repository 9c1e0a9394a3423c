// What shadows cost the service: its own latency and errors with shadows on against
// those in the windows with shadows off, compared period by period, so that slow
// change of the load takes no part. Pure; not thread-safe; one per dispatcher.
#pragma once

#include "agent/shadow/dispatcher.h"
#include "agent/shadow/latency_histogram.h"
#include "agent/shadow/off_windows.h"

namespace shadowtap::shadow {

class Impact {
 public:
  // An exchange of the service that ended at `now`. Those near a change between on and
  // off are left out: they saw something of both.
  void observe(Duration latency, bool error, const OffWindows::Phase& phase);

  ImpactReport report() const;

 private:
  struct Block {
    double sum_ms = 0;
    std::uint64_t count = 0;
  };
  struct Side {
    LatencyHistogram latency;
    std::uint64_t errors = 0;
  };

  void close_period();
  static ImpactSide side_of(const Side& side);

  Side on_;
  Side off_;
  std::int64_t period_ = 0;
  Block period_on_;
  Block period_off_;
  // Welford over the periods' (mean on - mean off).
  std::uint64_t windows_ = 0;
  double mean_ = 0;
  double squares_ = 0;
  double off_mean_sum_ = 0;
};

}  // namespace shadowtap::shadow
