// Where every captured exchange of one service ended (INTERFACES section 6): written
// by one shard, read by anyone. `in_flight` is not counted but derived, so the parts
// always sum up to `captured`.
#pragma once

#include <optional>

#include "agent/base/counter.h"
#include "agent/http/exchange.h"
#include "agent/http/outcomes.h"
#include "agent/results/comparison.h"

namespace shadowtap {

// What a comparison that results never hears of would have been counted as there, as far
// as this one exchange tells.
enum class Unreported : std::uint8_t {
  kMatch,
  kNoise,
  kIgnored,
  kMismatch,
  kError,
  kNotCompared,  // skipped, refused or not comparable: the ledger has said it all
  kCount_,
};
const char* to_string(Unreported outcome);
// Noise is here only what the control showed too, in this very exchange.
Unreported unreported_as(const results::Ending& ending);

// What became of a request that the candidate was to get twice (noise.resend). Beside the
// sum: its exchange was counted when it was compared.
enum class Repeated : std::uint8_t {
  kAnswered,
  kFailed,   // sent, and no answer came
  kNotSent,  // rate, guard, pause or a rule forbade it
  kCount_,
};
inline const char* to_string(Repeated repeated) {
  constexpr const char* kNames[] = {"answered", "failed", "not_sent"};
  return kNames[static_cast<std::size_t>(repeated)];
}

// What the secondary was to a comparison. Beside the sum.
enum class Controlled : std::uint8_t {
  kSecondary,
  kSkewed,  // it answered, but was sent more than noise.max_skew apart: no control
  kNone,
  kCount_,
};
inline const char* to_string(Controlled controlled) {
  constexpr const char* kNames[] = {"secondary", "skewed", "none"};
  return kNames[static_cast<std::size_t>(controlled)];
}
// nullopt for what was not compared.
std::optional<Controlled> controlled_by(const results::Comparison& comparison);

struct Ledger {
  Counter captured;
  Counter compared;
  CounterSet<http::Skipped> skipped;
  CounterSet<http::Refused> refused;
  CounterSet<http::AnswerError> shadow_error;
  CounterSet<http::NotComparable> not_comparable;
  CounterSet<Unreported> unreported;  // ended and counted, but the queue to results was full
  CounterSet<Repeated> repeats;
  CounterSet<Controlled> control;

  std::uint64_t ended() const {
    return compared.value() + skipped.total() + refused.total() + shadow_error.total() +
           not_comparable.total();
  }
};

}  // namespace shadowtap
