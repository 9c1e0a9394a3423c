#include "agent/shadow/latency_histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace shadowtap::shadow {

std::size_t LatencyHistogram::bucket_of(Duration latency) {
  const double micros = std::max(1.0, static_cast<double>(latency.count()) / 1000.0);
  return std::min(static_cast<std::size_t>(std::log2(micros) * kPerOctave), kBuckets - 1);
}

void LatencyHistogram::add(Duration latency) {
  add_to(bucket_of(latency), 1);
  sum_ += latency;
}

void LatencyHistogram::add_to(std::size_t bucket, std::uint32_t n) {
  buckets_[bucket] += n;
  count_ += n;
}

void LatencyHistogram::add(const LatencyHistogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) add_to(i, other.buckets_[i]);
  sum_ += other.sum_;
}

std::uint64_t LatencyHistogram::count_within(Duration bound) const {
  const auto end = buckets_.begin() + static_cast<std::ptrdiff_t>(bucket_of(bound));
  return std::accumulate(buckets_.begin(), end, std::uint64_t{0});
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
  sum_ /= 2;
  for (std::uint32_t& bucket : buckets_) count_ += bucket /= 2;
}

}  // namespace shadowtap::shadow
