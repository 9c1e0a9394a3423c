// A count that one thread writes and any thread reads, without a locked
// instruction. Owned by the writer's object; never goes back.
#pragma once

#include <atomic>
#include <cstdint>

namespace shadowtap {

class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// One counter per enumerator of E, which ends with kCount_ (never counted).
template <class E>
class CounterSet {
 public:
  void add(E reason, std::uint64_t n = 1) { counters_[static_cast<std::size_t>(reason)].add(n); }
  std::uint64_t value(E reason) const {
    return counters_[static_cast<std::size_t>(reason)].value();
  }
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const Counter& c : counters_) sum += c.value();
    return sum;
  }

 private:
  Counter counters_[static_cast<std::size_t>(E::kCount_)];
};

}  // namespace shadowtap
