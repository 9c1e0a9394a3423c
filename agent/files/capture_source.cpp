#include "agent/files/capture_source.h"

#include <algorithm>

namespace shadowtap::files {

CaptureSource::CaptureSource(std::unique_ptr<CaptureFile> file, std::optional<double> speed)
    : file_(std::move(file)), speed_(speed) {
  advance();
  first_ = last_ = next_.time;
}

void CaptureSource::advance() { ended_ = file_->next(next_) == CaptureFile::Read::kEnd; }

bool CaptureSource::is_due(Time now) const {
  if (ended_) return false;
  return !speed_ || started_ == Time{} || next_.time <= clock(now);
}

// The moment of the capture that `now` stands for.
Time CaptureSource::clock(Time now) const {
  if (!speed_ || started_ == Time{}) return last_;
  const auto elapsed = std::chrono::duration<double, std::nano>(now - started_) * *speed_;
  return first_ + std::chrono::duration_cast<Duration>(elapsed);
}

std::size_t CaptureSource::drain(std::size_t budget,
                                 const std::function<void(const net::Segment&)>& take) {
  const Time now = std::chrono::steady_clock::now();
  if (started_ == Time{}) started_ = now;
  std::size_t passed = 0;
  while (passed < budget && is_due(now)) {
    last_ = std::max(last_, next_.time);
    take(next_);
    ++passed;
    advance();
  }
  return passed;
}

}  // namespace shadowtap::files
