#include "agent/results/histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

namespace shadowtap::results {
namespace {

constexpr std::size_t kPerOctave = 16;
constexpr std::uint64_t kMaxMicroseconds = std::uint64_t{1} << 32;  // an hour and more

// Bucket 0..15 are microseconds as such; then 16 equal parts of each octave.
std::size_t bucket_of(Duration latency) {
  const auto ns = std::max<std::int64_t>(latency.count(), 0);
  const auto us = std::min(static_cast<std::uint64_t>(ns) / 1000, kMaxMicroseconds);
  if (us < kPerOctave) return us;
  const auto octave = static_cast<std::size_t>(std::bit_width(us)) - 5;  // us >> octave in 16..31
  return (octave + 1) * kPerOctave + ((us >> octave) - kPerOctave);
}

// The middle of a bucket, in nanoseconds.
Duration middle_of(std::size_t bucket) {
  if (bucket < kPerOctave) return std::chrono::nanoseconds(bucket * 1000 + 500);
  const std::size_t octave = bucket / kPerOctave - 1;
  const std::uint64_t low = (kPerOctave + bucket % kPerOctave) << octave;
  return std::chrono::nanoseconds(low * 1000 + (std::uint64_t{500} << octave));
}

template <class T>
T number(std::string_view text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

void Histogram::add(Duration latency) {
  const std::size_t bucket = bucket_of(latency);
  if (bucket >= counts_.size()) counts_.resize(bucket + 1);
  ++counts_[bucket];
  ++total_;
  sum_seconds_ += std::max(0.0, std::chrono::duration<double>(latency).count());
}

void Histogram::merge(const Histogram& other) {
  counts_.resize(std::max(counts_.size(), other.counts_.size()));
  for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
  sum_seconds_ += other.sum_seconds_;
}

std::size_t Histogram::bucket_at(double share) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= std::max<std::uint64_t>(wanted, 1)) return i;
  }
  return counts_.size() - 1;
}

Duration Histogram::percentile(double share) const {
  return total_ == 0 ? Duration{} : middle_of(bucket_at(share));
}

Duration Histogram::above_percentile(double share) const {
  if (total_ == 0) return {};
  const std::size_t bucket = bucket_at(share);
  return (middle_of(bucket) + middle_of(bucket + 1)) / 2;
}

std::uint64_t Histogram::at_most(Duration bound) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts_.size() && middle_of(i) <= bound; ++i) sum += counts_[i];
  return sum;
}

std::string Histogram::to_text() const {
  std::string text = fmt::format("{};", sum_seconds_);
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] != 0) fmt::format_to(std::back_inserter(text), "{}:{},", i, counts_[i]);
  }
  return text;
}

Histogram Histogram::from_text(std::string_view text) {
  Histogram made;
  const std::size_t head = text.find(';');
  if (head == std::string_view::npos) return made;
  made.sum_seconds_ = number<double>(text.substr(0, head));
  text.remove_prefix(head + 1);
  const std::size_t limit = bucket_of(std::chrono::hours(10'000)) + 1;
  for (std::size_t end = 0; (end = text.find(',')) != std::string_view::npos;) {
    const std::string_view entry = text.substr(0, end);
    text.remove_prefix(end + 1);
    const std::size_t colon = entry.find(':');
    if (colon == std::string_view::npos) continue;
    const auto bucket = number<std::size_t>(entry.substr(0, colon));
    if (bucket >= limit) continue;
    if (bucket >= made.counts_.size()) made.counts_.resize(bucket + 1);
    made.counts_[bucket] = number<std::uint32_t>(entry.substr(colon + 1));
    made.total_ += made.counts_[bucket];
  }
  return made;
}

}  // namespace shadowtap::results
