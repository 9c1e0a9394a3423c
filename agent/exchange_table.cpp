#include "agent/exchange_table.h"

#include <vector>

namespace shadowtap {

OpenExchange& ExchangeTable::open(http::Exchange exchange, Time now, Duration patience) {
  const http::ExchangeId id = exchange.id;
  OpenExchange& entry = entries_[id];
  entry.exchange = std::move(exchange);
  deadlines_[patience].emplace_back(now + patience, id);
  charge(entry, entry.exchange.request.held_bytes());
  return entry;
}

OpenExchange* ExchangeTable::find(http::ExchangeId id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

void ExchangeTable::erase(http::ExchangeId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  held_bytes_ -= found->second.charged;
  entries_.erase(found);
}

void ExchangeTable::charge(OpenExchange& entry, std::size_t bytes) {
  entry.charged += bytes;
  held_bytes_ += bytes;
}

void ExchangeTable::sweep(Time now, const std::function<void(OpenExchange&)>& over_due) {
  for (auto& [patience, deadlines] : deadlines_) {
    while (!deadlines.empty()) {
      const auto [deadline, id] = deadlines.front();
      OpenExchange* entry = find(id);
      if (entry != nullptr && deadline > now) break;
      deadlines.pop_front();
      if (entry != nullptr) over_due(*entry);
    }
  }
  std::erase_if(deadlines_, [](const auto& one) { return one.second.empty(); });
}

void ExchangeTable::for_each(const std::function<void(OpenExchange&)>& visit) {
  std::vector<http::ExchangeId> ids;
  ids.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) ids.push_back(id);
  for (const http::ExchangeId id : ids) {
    if (OpenExchange* entry = find(id)) visit(*entry);
  }
}

}  // namespace shadowtap
