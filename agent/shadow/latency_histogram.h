// Latencies in buckets a twelfth of a doubling wide, from 1 µs to about a minute.
// Plain data; 1.3 KB.
#pragma once

#include <array>
#include <cstdint>

#include "agent/base/time.h"

namespace shadowtap::shadow {

class LatencyHistogram {
 public:
  static constexpr std::size_t kPerOctave = 12;
  static constexpr std::size_t kBuckets = 26 * kPerOctave;

  static std::size_t bucket_of(Duration latency);

  void add(Duration latency);
  void add_to(std::size_t bucket, std::uint32_t n);  // leaves sum() as it is
  void add(const LatencyHistogram& other);
  // An upper bound of the q-quantile within 6 %; zero when empty.
  Duration quantile(double q) const;
  std::uint64_t count() const { return count_; }
  // How many were at most that long, within the same 6 %.
  std::uint64_t count_within(Duration bound) const;
  Duration sum() const { return sum_; }
  void clear() { *this = {}; }
  // Old evidence fades: all counts are halved.
  void halve();

 private:
  std::array<std::uint32_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  Duration sum_{};
};

}  // namespace shadowtap::shadow
