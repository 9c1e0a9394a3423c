// The latencies and errors of some originals. Plain data.
#pragma once

#include <cstdint>

#include "agent/shadow/latency_histogram.h"

namespace shadowtap::shadow {

struct Seen {
  LatencyHistogram latency;
  std::uint64_t errors = 0;

  double error_share() const {
    return latency.count() == 0
               ? 0
               : static_cast<double>(errors) / static_cast<double>(latency.count());
  }
};

}  // namespace shadowtap::shadow
