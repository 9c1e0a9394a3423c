// What one shard saw of a service's own answers: counts that only grow, written by that
// shard, read by whoever decides. Plain data; 10 KB.
#pragma once

#include <array>

#include "agent/base/counter.h"
#include "agent/shadow/latency_histogram.h"

namespace shadowtap::shadow {

struct HealthFigures {
  struct Tally {
    std::array<Counter, LatencyHistogram::kBuckets> latencies;
    Counter errors;

    void add(Duration latency, bool error) {
      latencies[LatencyHistogram::bucket_of(latency)].add();
      if (error) errors.add();
    }
  };
  struct Block {
    Counter micros;  // summed, each no more than what counts as slow
    Counter slow;
    Counter errors;
    Counter count;
  };

  // Indexed by whether shadows were on.
  std::array<Tally, 2> guard;   // for the guard: all that saw nothing but on, or but off
  std::array<Tally, 2> impact;  // for the impact: those that were well inside
  // By the period's last bit: one is written while the other is read.
  std::array<std::array<Block, 2>, 2> blocks;
};

}  // namespace shadowtap::shadow
