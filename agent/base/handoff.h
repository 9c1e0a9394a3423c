// A bounded queue that hands values from one thread to another and counts what it
// refuses. One producer thread, one consumer thread; neither ever waits. The
// producer is told when the consumer was idle, so that it can wake it by its own
// means (an eventfd, asio::post).
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "agent/base/counter.h"

namespace shadowtap {

enum class HandedOver : std::uint8_t {
  kQueued,        // the consumer is awake or will see it
  kQueuedWakeUp,  // the consumer had found the queue empty: wake it
  kRefused,       // full; the value is untouched and counted in refused()
};

template <class T>
class Handoff {
 public:
  // `capacity` is rounded up to a power of two.
  explicit Handoff(std::size_t capacity) {
    std::size_t size = 1;
    while (size < capacity) size *= 2;
    slots_.resize(size);
  }

  // Producer thread. `value` is moved from unless refused.
  [[nodiscard]] HandedOver push(T& value) {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == slots_.size()) {
      refused_.add();
      return HandedOver::kRefused;
    }
    slots_[tail & (slots_.size() - 1)].emplace(std::move(value));
    tail_.store(tail + 1, std::memory_order_seq_cst);
    if (!idle_.load(std::memory_order_seq_cst)) return HandedOver::kQueued;
    idle_.store(false, std::memory_order_relaxed);
    return HandedOver::kQueuedWakeUp;
  }

  // Consumer thread. Empty: nothing queued, and the next push says kQueuedWakeUp.
  std::optional<T> pop() {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (tail_.load(std::memory_order_acquire) == head) {
      idle_.store(true, std::memory_order_seq_cst);
      if (tail_.load(std::memory_order_seq_cst) == head) return std::nullopt;
      idle_.store(false, std::memory_order_relaxed);
    }
    std::optional<T> value = std::exchange(slots_[head & (slots_.size() - 1)], std::nullopt);
    head_.store(head + 1, std::memory_order_release);
    return value;
  }

  std::uint64_t refused() const { return refused_.value(); }

 private:
  std::vector<std::optional<T>> slots_;
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
  std::atomic<bool> idle_{true};
  Counter refused_;
};

}  // namespace shadowtap
