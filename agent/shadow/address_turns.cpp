#include "agent/shadow/address_turns.h"

#include <algorithm>

namespace shadowtap::shadow {
namespace {

constexpr Duration kAvoid = std::chrono::seconds(10);

}  // namespace

const SocketAddress& AddressTurns::next(const std::vector<SocketAddress>& list) {
  return list[turn_++ % list.size()];
}

std::vector<SocketAddress> AddressTurns::order(std::vector<SocketAddress> list, Time now) {
  if (list.size() < 2) return list;
  const auto first = static_cast<std::ptrdiff_t>(turn_++ % list.size());
  std::rotate(list.begin(), list.begin() + first, list.end());
  std::stable_partition(list.begin(), list.end(),
                        [&](const SocketAddress& one) { return !avoided(one, now); });
  return list;
}

void AddressTurns::unreachable(const SocketAddress& address, Time now) {
  std::erase_if(avoided_until_, [&](const auto& entry) {
    return entry.second <= now || entry.first == address;
  });
  avoided_until_.emplace_back(address, now + kAvoid);
}

bool AddressTurns::avoided(const SocketAddress& address, Time now) const {
  return std::any_of(avoided_until_.begin(), avoided_until_.end(), [&](const auto& entry) {
    return entry.first == address && now < entry.second;
  });
}

}  // namespace shadowtap::shadow
