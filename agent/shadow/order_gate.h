// Says when a request may go to a target, so that what was sequential in production
// stays sequential there.
//
// kNone: at once. kConnection: after every earlier request of its client connection has
// ended at the target. kHappensBefore: after every request whose original had ended
// before this one began has ended at the target. Nobody waits longer than `order_wait`:
// then it goes, and that is counted. A request that was refused or lost has ended, so
// nothing wedges. Knows no targets; time is an argument. Not thread-safe; one per lane.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "agent/http/exchange.h"
#include "agent/shadow/options.h"

namespace shadowtap::shadow {

class OrderGate {
 public:
  OrderGate(Order order, Duration order_wait) : order_(order), order_wait_(order_wait) {}

  // True: it may go now. False: released() or expire() will name it, unless ended() comes
  // first. `began` is when its original's first byte was seen.
  [[nodiscard]] bool enter(http::ExchangeId id, std::uint64_t connection, Time began, Time now);

  // The same for one that has gone already: it waits for nobody, later ones may for it.
  void enter_gone(http::ExchangeId id, std::uint64_t connection, Time began);

  // Another order: everybody is out, and enters anew. What was counted stays.
  void begin_anew(Order order, Duration order_wait);
  Order order() const { return order_; }
  Duration order_wait() const { return order_wait_; }

  // Its original ended; only happens-before cares.
  void original_ended(http::ExchangeId id, Time when);

  // It ended at the target, or will not be sent. Who may go now is appended to `freed`.
  void ended(http::ExchangeId id, std::vector<http::ExchangeId>& freed);

  // Who has waited for too long and may go now.
  void expire(Time now, std::vector<http::ExchangeId>& freed);

  std::size_t held() const { return held_; }
  // The one held for longest, or 0.
  http::ExchangeId oldest_held();
  std::uint64_t cut_waits() const { return cut_waits_; }

 private:
  struct Entry {
    std::uint64_t connection;
    Time began;
    Time since;
    Time original_end;
    bool holding = false;
    bool ended_known = false;
  };
  using Waiting = std::set<std::pair<Time, http::ExchangeId>>;

  Entry& add(http::ExchangeId id, std::uint64_t connection, Time began, Time now);
  bool blocked(const Entry& entry, http::ExchangeId id) const;
  void free_next(std::uint64_t connection, std::vector<http::ExchangeId>& freed);
  void free_happened(std::vector<http::ExchangeId>& freed);
  void release(http::ExchangeId id, Entry& entry, std::vector<http::ExchangeId>& freed);

  Order order_;
  Duration order_wait_;
  std::unordered_map<http::ExchangeId, Entry> entries_;
  // Oldest first; mostly one.
  std::unordered_map<std::uint64_t, boost::container::small_vector<http::ExchangeId, 4>>
      connections_;
  std::set<std::pair<Time, http::ExchangeId>> original_ends_;  // of those not ended here
  Waiting waiting_by_begin_;
  std::deque<std::pair<Time, http::ExchangeId>> by_age_;  // with entries that are gone
  std::size_t held_ = 0;
  std::uint64_t cut_waits_ = 0;
};

}  // namespace shadowtap::shadow
