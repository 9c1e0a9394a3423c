// What shadows cost the service: its own latency and errors with shadows on against
// those in the windows with shadows off, compared period by period, so that slow
// change of the load takes no part. Latency up to the 0.95-quantile is compared as a mean
// and what is above it as a share: a stall of the host that hits one window must not drown
// what all others say. Pure; not thread-safe; one per service.
#pragma once

#include "agent/shadow/dispatcher.h"
#include "agent/shadow/seen.h"

namespace shadowtap::shadow {

class Impact {
 public:
  // The originals of one period that ran with shadows on, or off.
  struct Block {
    std::uint64_t micros = 0;  // summed latency, each no more than what counts as slow
    std::uint64_t slow = 0;
    std::uint64_t errors = 0;
    std::uint64_t count = 0;
  };

  // Left out where either side saw too few.
  void add_period(const Block& on, const Block& off);

  // `on` and `off`: all that was seen since the start.
  ImpactReport report(const Seen& on, const Seen& off) const;

 private:
  // Welford over the periods' differences.
  struct Difference {
    std::uint64_t n = 0;
    double mean = 0;
    double squares = 0;

    void add(double value);
    double half_width() const;
  };

  Difference latency_ms_;
  Difference slow_share_;
  Difference error_share_;
  double off_ms_sum_ = 0;
};

}  // namespace shadowtap::shadow
