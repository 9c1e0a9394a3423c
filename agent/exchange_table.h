// The exchanges of one shard that are not over yet: the original and every send of
// each. Owns them; hands out references that stay valid until erase().
//
// Knows nothing of sockets, diffs or counters. Shard's thread only; time is an argument.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "agent/base/result.h"
#include "agent/http/exchange.h"
#include "agent/http/outcomes.h"
#include "agent/results/comparison.h"
#include "agent/shadow/dispatcher.h"

namespace shadowtap {

// One target's part in an exchange.
struct Slot {
  bool used = false;
  std::optional<shadow::TargetOutcome> outcome;  // none while pending

  bool pending() const { return used && !outcome; }
  http::Answer* answer() { return outcome ? std::get_if<http::Answer>(&*outcome) : nullptr; }
};

struct OpenExchange {
  http::Exchange exchange;
  Slot candidate;
  Slot secondary;
  int mirrors_pending = 0;
  bool original_over = false;
  std::optional<http::OriginalLoss> original_loss;
  // Decided before any comparison: skipped, refused or not comparable.
  std::optional<results::Ending> ending;
  // A kept request that is sent once more: outside the ledger.
  std::function<void(Result<results::Comparison>)> resent;
  bool reported = false;   // counted and handed over; only its sends keep it here
  std::size_t charged = 0;  // bytes counted in held_bytes()

  bool sends_pending() const {
    return candidate.pending() || secondary.pending() || mirrors_pending > 0;
  }
};

class ExchangeTable {
 public:
  // Due for sweep() after `patience`.
  OpenExchange& open(http::Exchange exchange, Time now, Duration patience);
  OpenExchange* find(http::ExchangeId id);
  void erase(http::ExchangeId id);

  // Counts what the exchange holds now.
  void charge(OpenExchange& open, std::size_t bytes);

  // Calls `over_due` for each exchange whose deadline passed, once.
  void sweep(Time now, const std::function<void(OpenExchange&)>& over_due);
  // Calls `visit` for each that is left (at stop).
  void for_each(const std::function<void(OpenExchange&)>& visit);

  std::size_t size() const { return entries_.size(); }
  std::size_t held_bytes() const { return held_bytes_; }

 private:
  std::unordered_map<http::ExchangeId, OpenExchange> entries_;
  // By patience, of which there are few (one a service): each in the order of its deadlines.
  std::map<Duration, std::deque<std::pair<Time, http::ExchangeId>>> deadlines_;
  std::size_t held_bytes_ = 0;
};

}  // namespace shadowtap
