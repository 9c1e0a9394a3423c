#include "agent/results/repeats.h"

namespace shadowtap::results {

Repeats::Repeats(std::size_t max_keys) : max_keys_(max_keys) {}

Repeats::Key& Repeats::get(std::uint64_t key) {
  if (const auto it = by_key_.find(key); it != by_key_.end()) {
    if (newest_ != it->second) {
      unlink(it->second);
      make_newest(it->second);
    }
    return slots_[it->second].state;
  }
  std::uint32_t index = 0;
  if (slots_.size() < max_keys_) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = oldest_;
    unlink(index);
    by_key_.erase(slots_[index].key);
    ++evicted_;
  }
  Slot& slot = slots_[index];
  slot.key = key;
  slot.state.open.clear();
  slot.state.zero_second = INT64_MIN;
  by_key_.emplace(key, index);
  make_newest(index);
  return slot.state;
}

void Repeats::clear() {
  slots_.clear();
  by_key_.clear();
  newest_ = oldest_ = kNobody;
}

void Repeats::unlink(std::uint32_t index) {
  Slot& slot = slots_[index];
  (slot.newer == kNobody ? newest_ : slots_[slot.newer].older) = slot.older;
  (slot.older == kNobody ? oldest_ : slots_[slot.older].newer) = slot.newer;
}

void Repeats::make_newest(std::uint32_t index) {
  Slot& slot = slots_[index];
  slot.newer = kNobody;
  slot.older = newest_;
  if (newest_ != kNobody) slots_[newest_].newer = index;
  newest_ = index;
  if (oldest_ == kNobody) oldest_ = index;
}

}  // namespace shadowtap::results
