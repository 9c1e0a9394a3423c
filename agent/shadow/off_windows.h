// When shadows rest, so that the service can be seen without them: one short window at a
// random place in each period, the same in every shard without a word between them.
// Pure; time is an argument.
#pragma once

#include "agent/base/time.h"
#include "agent/shadow/hash.h"
#include "agent/shadow/options.h"

namespace shadowtap::shadow {

class OffWindows {
 public:
  struct Phase {
    std::int64_t period = 0;  // counts up
    bool off = false;
    Duration into{};  // since the last change between on and off
  };

  OffWindows(const ImpactOptions& options, std::uint64_t seed, Time started)
      : options_(options), seed_(seed), first_(started + options.delay) {}

  // Off only in periods that began after the delay.
  Phase at(Time now) const {
    const std::int64_t since = now.time_since_epoch().count();
    const std::int64_t length = options_.period.count();
    Phase phase;
    phase.period = since / length;
    const Time period_start{Duration(phase.period * length)};
    const Time start = period_start + place(phase.period);
    const Time end = start + options_.window;
    phase.off = options_.on && period_start >= first_ && now >= start && now < end;
    phase.into = now - (phase.off ? start : now >= end ? end : period_start);
    return phase;
  }

 private:
  Duration place(std::int64_t period) const {
    const Duration room = options_.period - options_.window;
    const double where = unit_interval(mix(seed_ ^ static_cast<std::uint64_t>(period)));
    return Duration(static_cast<std::int64_t>(where * static_cast<double>(room.count())));
  }

  ImpactOptions options_;
  std::uint64_t seed_;
  Time first_;
};

}  // namespace shadowtap::shadow
