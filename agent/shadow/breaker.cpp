#include "agent/shadow/breaker.h"

namespace shadowtap::shadow {

bool Breaker::would_admit(Time now) const {
  return circuit_ == Circuit::kClosed || now >= next_probe();
}

bool Breaker::admit(Time now) {
  if (circuit_ == Circuit::kClosed) return true;
  if (now < next_probe()) return false;
  circuit_ = Circuit::kProbing;
  opened_ = now;
  return true;
}

void Breaker::succeeded(Duration latency, Time now) {
  if (options_.slow > Duration::zero() && latency > options_.slow) return failed(now);
  count(false, now);
  if (circuit_ == Circuit::kOpen) return;  // an answer to what left before it opened
  if (state() != TargetState::kUp) since_ = now;
  if (circuit_ == Circuit::kProbing) window_.clear();
  circuit_ = Circuit::kClosed;
  consecutive_ = 0;
}

void Breaker::failed(Time now) {
  count(true, now);
  if (circuit_ == Circuit::kOpen) return;
  if (state() == TargetState::kUp) since_ = now;
  ++consecutive_;
  if (circuit_ == Circuit::kProbing || consecutive_ >= options_.consecutive_failures ||
      share_exceeded()) {
    open(now);
  }
}

void Breaker::open(Time now) {
  if (circuit_ == Circuit::kClosed) since_ = now;
  circuit_ = Circuit::kOpen;
  opened_ = now;
}

void Breaker::count(bool failure, Time now) {
  using std::chrono::seconds;
  if (window_.empty() || now - window_.back().start >= seconds(1)) window_.push_back({now});
  while (now - window_.front().start > options_.window && window_.size() > 1)
    window_.pop_front();
  ++window_.back().samples;
  if (failure) ++window_.back().failures;
}

bool Breaker::share_exceeded() const {
  std::uint32_t samples = 0;
  std::uint32_t failures = 0;
  for (const Second& second : window_) {
    samples += second.samples;
    failures += second.failures;
  }
  return samples >= options_.min_samples && failures > options_.error_share * samples;
}

TargetState Breaker::state() const {
  if (circuit_ != Circuit::kClosed) return TargetState::kOpen;
  return consecutive_ == 0 ? TargetState::kUp : TargetState::kFailing;
}

}  // namespace shadowtap::shadow
