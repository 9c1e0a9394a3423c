#include "agent/recording_source.h"

namespace shadowtap {

// Whether the record read last was due: then the next one may be read.
bool RecordingSource::is_due(Time now) const {
  if (!speed_ || !started_) return true;
  const auto elapsed = std::chrono::duration<double, std::nano>(now - *started_) * *speed_;
  return reader_->time() - first_ <= elapsed;
}

std::size_t RecordingSource::drain(std::size_t budget,
                                   const std::function<void(const net::Segment&)>&) {
  const Time now = std::chrono::steady_clock::now();
  std::size_t records = 0;
  while (!ended_ && records < budget && is_due(now)) {
    ended_ = !reader_->step(*sink_);
    ++records;
    if (!started_) {
      started_ = now;
      first_ = reader_->time();
    }
  }
  return records;
}

}  // namespace shadowtap
