#include "agent/shadow/order_gate.h"

#include <algorithm>

namespace shadowtap::shadow {

bool OrderGate::enter(http::ExchangeId id, std::uint64_t connection, Time began, Time now) {
  if (order_ == Order::kNone) return true;
  Entry& entry = add(id, connection, began, now);
  if (!blocked(entry, id)) return true;
  entry.holding = true;
  ++held_;
  by_age_.emplace_back(now, id);
  if (order_ == Order::kHappensBefore) waiting_by_begin_.emplace(began, id);
  return false;
}

void OrderGate::enter_gone(http::ExchangeId id, std::uint64_t connection, Time began) {
  if (order_ != Order::kNone) add(id, connection, began, {});
}

OrderGate::Entry& OrderGate::add(http::ExchangeId id, std::uint64_t connection, Time began,
                                 Time now) {
  Entry& entry = entries_[id];
  entry = {connection, began, now, {}, false, false};
  if (order_ == Order::kConnection) connections_[connection].push_back(id);
  return entry;
}

void OrderGate::begin_anew(Order order, Duration order_wait) {
  const std::uint64_t cut_waits = cut_waits_;
  *this = OrderGate(order, order_wait);
  cut_waits_ = cut_waits;
}

bool OrderGate::blocked(const Entry& entry, http::ExchangeId id) const {
  if (order_ == Order::kConnection) {
    const auto queue = connections_.find(entry.connection);
    return queue != connections_.end() && queue->second.front() != id;
  }
  return !original_ends_.empty() && original_ends_.begin()->first < entry.began;
}

void OrderGate::original_ended(http::ExchangeId id, Time when) {
  if (order_ != Order::kHappensBefore) return;
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.ended_known) return;
  found->second.ended_known = true;
  found->second.original_end = when;
  original_ends_.emplace(when, id);
}

void OrderGate::ended(http::ExchangeId id, std::vector<http::ExchangeId>& freed) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const Entry entry = found->second;
  if (entry.holding) --held_;
  entries_.erase(found);
  if (order_ == Order::kConnection) {
    const auto queue = connections_.find(entry.connection);
    auto& waiting = queue->second;
    waiting.erase(std::remove(waiting.begin(), waiting.end(), id), waiting.end());
    if (queue->second.empty()) {
      connections_.erase(queue);
    } else {
      free_next(entry.connection, freed);
    }
    return;
  }
  waiting_by_begin_.erase({entry.began, id});
  if (entry.ended_known) original_ends_.erase({entry.original_end, id});
  free_happened(freed);
}

void OrderGate::free_next(std::uint64_t connection, std::vector<http::ExchangeId>& freed) {
  const http::ExchangeId first = connections_[connection].front();
  Entry& entry = entries_[first];
  if (entry.holding) release(first, entry, freed);
}

void OrderGate::free_happened(std::vector<http::ExchangeId>& freed) {
  while (!waiting_by_begin_.empty()) {
    const auto [began, id] = *waiting_by_begin_.begin();
    if (!original_ends_.empty() && original_ends_.begin()->first < began) return;
    release(id, entries_[id], freed);
  }
}

void OrderGate::release(http::ExchangeId id, Entry& entry,
                        std::vector<http::ExchangeId>& freed) {
  entry.holding = false;
  --held_;
  waiting_by_begin_.erase({entry.began, id});
  freed.push_back(id);
}

void OrderGate::expire(Time now, std::vector<http::ExchangeId>& freed) {
  while (!by_age_.empty()) {
    const auto [since, id] = by_age_.front();
    const auto found = entries_.find(id);
    const bool holding = found != entries_.end() && found->second.holding;
    if (holding && now - since < order_wait_) return;
    by_age_.pop_front();
    if (!holding) continue;
    ++cut_waits_;
    release(id, found->second, freed);
  }
}

http::ExchangeId OrderGate::oldest_held() {
  while (!by_age_.empty()) {
    const auto found = entries_.find(by_age_.front().second);
    if (found != entries_.end() && found->second.holding) return found->first;
    by_age_.pop_front();
  }
  return 0;
}

}  // namespace shadowtap::shadow
