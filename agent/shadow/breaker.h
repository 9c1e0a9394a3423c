// Decides whether a target is worth trying. Pure: time is an argument. Not thread-safe.
//
//   state    | event                                      | next
//   closed   | a run of failures, or their share too high | open
//   open     | `open_for` passed and somebody asks        | probing (that one may go)
//   probing  | success                                    | closed
//   probing  | failure                                    | open
//   probing  | no verdict within `open_for`               | the next one may go
#pragma once

#include <deque>

#include "agent/base/time.h"
#include "agent/shadow/dispatcher.h"

namespace shadowtap::shadow {

class Breaker {
 public:
  explicit Breaker(const BreakerOptions& options, Time now) : options_(options), since_(now) {}

  // Whether a request may go now; asking while open and due makes it the probe.
  [[nodiscard]] bool admit(Time now);
  // The same without becoming the probe.
  bool would_admit(Time now) const;

  void succeeded(Duration latency, Time now);
  void failed(Time now);

  TargetState state() const;
  Time since() const { return since_; }
  // While open.
  Time next_probe() const { return opened_ + options_.open_for; }

 private:
  enum class Circuit : std::uint8_t { kClosed, kOpen, kProbing };
  struct Second {
    Time start;
    std::uint32_t samples = 0;
    std::uint32_t failures = 0;
  };

  void count(bool failure, Time now);
  void open(Time now);
  bool share_exceeded() const;

  BreakerOptions options_;
  Circuit circuit_ = Circuit::kClosed;
  std::uint32_t consecutive_ = 0;
  std::deque<Second> window_;
  Time since_;   // of state()
  Time opened_;  // or when the last probe left
};

}  // namespace shadowtap::shadow
