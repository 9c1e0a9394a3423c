// Whose turn it is among the addresses of one name, so that all of them get a share of the
// requests, and which of them to leave alone for a while because they could not be reached.
//
// Pure; time is an argument. Not thread-safe; one per target.
#pragma once

#include <utility>
#include <vector>

#include "agent/shadow/resolver.h"

namespace shadowtap::shadow {

class AddressTurns {
 public:
  // `first`: whose turn it is, so that shards do not all begin with the same.
  explicit AddressTurns(std::size_t first = 0) : turn_(first) {}

  // The next one in turn. Needs a list that is not empty.
  const SocketAddress& next(const std::vector<SocketAddress>& list);
  // All, the one in turn first, those to leave alone last.
  std::vector<SocketAddress> order(std::vector<SocketAddress> list, Time now);

  void unreachable(const SocketAddress& address, Time now);
  bool avoided(const SocketAddress& address, Time now) const;

 private:
  std::size_t turn_;
  std::vector<std::pair<SocketAddress, Time>> avoided_until_;
};

}  // namespace shadowtap::shadow
