// Latencies as counts in logarithmic buckets: 16 to the octave from 1 microsecond, so
// that a percentile is at most 3 % off. Grows with the highest bucket used.
//
// Control thread; a plain value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/time.h"

namespace shadowtap::results {

class Histogram {
 public:
  void add(Duration latency);
  void merge(const Histogram& other);

  std::uint64_t total() const { return total_; }
  double sum_seconds() const { return sum_seconds_; }
  // The latency that `share` (0..1) of all are at most; 0 when empty.
  Duration percentile(double share) const;
  // The upper end of that latency's bucket: what is above it is above the percentile.
  Duration above_percentile(double share) const;
  // How many are at most `bound`, to the bucket's accuracy.
  std::uint64_t at_most(Duration bound) const;

  // For the store: "sum;bucket:count,…".
  std::string to_text() const;
  static Histogram from_text(std::string_view text);

 private:
  std::size_t bucket_at(double share) const;

  std::vector<std::uint32_t> counts_;
  std::uint64_t total_ = 0;
  double sum_seconds_ = 0;
};

}  // namespace shadowtap::results
