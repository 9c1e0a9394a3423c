#include "agent/shadow/latency_histogram.h"

#include <algorithm>
#include <cmath>

namespace shadowtap::shadow {

std::size_t LatencyHistogram::bucket_of(Duration latency) {
  const double micros = std::max(1.0, static_cast<double>(latency.count()) / 1000.0);
  return std::min(static_cast<std::size_t>(std::log2(micros) * kPerOctave), kBuckets - 1);
}

void LatencyHistogram::add_to(std::size_t bucket, std::uint32_t n) {
  buckets_[bucket] += n;
  count_ += n;
}

void LatencyHistogram::add(const LatencyHistogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) add_to(i, other.buckets_[i]);
}

Duration LatencyHistogram::quantile(double q) const {
  if (count_ == 0) return {};
  const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen < std::max<std::uint64_t>(rank, 1)) continue;
    const double micros = std::exp2(static_cast<double>(i + 1) / kPerOctave);
    return Duration(static_cast<std::int64_t>(micros * 1000));
  }
  return {};
}

void LatencyHistogram::halve() {
  count_ = 0;
  for (std::uint32_t& bucket : buckets_) count_ += bucket /= 2;
}

}  // namespace shadowtap::shadow
