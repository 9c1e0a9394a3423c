// Tells each service's ramps how its comparisons went since the last look: a ramp goes on
// only while mismatches and errors stay below its bound. Knows no clock.
//
// Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/results/results.h"
#include "agent/shard.h"

namespace shadowtap {

class RampFeed {
 public:
  // Both outlive it.
  RampFeed(const config::Config& config, std::vector<std::unique_ptr<Shard>>& shards)
      : config_(config), shards_(shards) {}

  void tell(const std::vector<results::RouteMetrics>& routes);

 private:
  struct Judged {
    std::uint64_t trouble = 0;  // mismatches and errors
    std::uint64_t all = 0;
  };
  static Judged since(const Judged& before, const Judged& now);

  const config::Config& config_;
  std::vector<std::unique_ptr<Shard>>& shards_;
  std::map<std::string, Judged> told_;  // by service
};

}  // namespace shadowtap
