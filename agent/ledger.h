// Where every captured exchange of one service ended (INTERFACES section 6): written
// by one shard, read by anyone. `in_flight` is not counted but derived, so the parts
// always sum up to `captured`.
#pragma once

#include "agent/base/counter.h"
#include "agent/http/exchange.h"
#include "agent/http/outcomes.h"

namespace shadowtap {

struct Ledger {
  Counter captured;
  Counter compared;
  CounterSet<http::Skipped> skipped;
  CounterSet<http::Refused> refused;
  CounterSet<http::AnswerError> shadow_error;
  CounterSet<http::NotComparable> not_comparable;
  Counter unreported;  // ended and counted, but the queue to results was full

  std::uint64_t ended() const {
    return compared.value() + skipped.total() + refused.total() + shadow_error.total() +
           not_comparable.total();
  }
};

}  // namespace shadowtap
