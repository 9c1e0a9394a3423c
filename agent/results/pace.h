// Is the candidate failing or slower than its control? One vote an event, so that a stall
// or a restart is one observation however many exchanges it hits; evidence as for paths.
// Knows one service or one route; time is an argument.
//
// Control thread; plain values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/base/time.h"
#include "agent/results/histogram.h"

namespace shadowtap::results {

enum class PaceTest : std::uint8_t { kErrors, kSlower, kTail, kCount_ };
const char* to_string(PaceTest test);
inline constexpr std::size_t kPaceTests = static_cast<std::size_t>(PaceTest::kCount_);

// What the two took. Times exclude our queue; without a secondary the control is the
// original and the target's round trip is taken out of the candidate's time.
struct PacePair {
  WallTime time;
  bool with_secondary = false;
  bool candidate_failed = false;  // no answer, or 5xx
  bool control_failed = false;
  std::optional<Duration> candidate;
  std::optional<Duration> control;
};

struct PaceCounts {
  std::uint64_t s = 0, f = 0;  // votes
  std::uint64_t plus = 0, pairs = 0;
  WallTime first, last;
};

// One test against one sort of control.
//
//   state   | one side only   | both           | neither                      | time
//   idle    | begins an event | nothing        | nothing                      |
//   event   | added up        | nothing        | nothing                      | after kEvent: votes by the sum, rests
//   resting | calm is over    | calm is over   | calm, if long, ends the rest | after `rest`: idle
//
// Why: what begins before an event must not be able to decide it. A stall no longer than
// `rest` touches one event, or none; where both sides are equally likely to stall next,
// each vote is then a fair coin whatever came before.
class EventVotes {
 public:
  static constexpr std::int64_t kEvent = 10;  // seconds
  // `rest`: seconds; 0: none, the next event may begin at once.
  explicit EventVotes(std::int64_t rest) : rest_(rest) {}

  // Whether it happened to candidate and to control: a failure, a time above T, …
  void add(WallTime time, bool candidate, bool control);
  // Ends an event that is over.
  void close(WallTime now);
  const PaceCounts& counts() const { return counts_; }
  // Goes on from what was kept; what stalls now may have voted before, so it rests first.
  void restore(const PaceCounts& counts);

 private:
  bool rests(std::int64_t second, bool calm);

  std::int64_t rest_;
  std::optional<std::int64_t> begun_;  // an event is on since then
  std::int64_t balance_ = 0;
  std::int64_t rests_until_ = INT64_MIN;
  std::int64_t calm_since_ = 0, calm_pairs_ = 0;
  bool restored_ = false;
  PaceCounts counts_;
};

// Whether the candidate was slower in most pairs of each second so far. By second, because
// one pair in which the control happened to wait proves nothing.
class SlowSeconds {
 public:
  void add(std::int64_t second, bool slower);
  bool each() const { return each_ && balance_ > 0; }
  bool closed() const { return each_; }  // of the seconds before the present one
  void restore(bool each) { *this = {}, each_ = each; }

 private:
  bool each_ = true;
  std::int64_t second_ = INT64_MIN;
  std::int64_t balance_ = 0;
};

class Pace {
 public:
  void add(const PacePair& pair);
  void close(WallTime now);

  // Without a secondary its pairs are kept, but tell nothing of today's candidate.
  void set_secondary(bool has) { has_secondary_ = has; }
  // Whether a secondary is there, was the control and answered often enough to speak.
  bool with_secondary() const { return has_secondary_ && secondary_pairs_ >= 12; }
  const PaceCounts& counts(PaceTest test) const;
  // ln (E w) with the test's share of alpha, 1/8.
  double log_evidence_weighted(PaceTest test) const;
  std::string explain(PaceTest test, double alpha) const;
  // The candidate alone failed in every pair, or was slower in most pairs of each second; of
  // at least `pairs` over `time`.
  bool always(PaceTest test, std::uint64_t pairs, Duration time) const;

  std::string to_text() const;
  // Into a fresh one. What the text does not have (an older schema's is empty) is as fresh.
  void restore(std::string_view text);

 private:
  using Tests = std::array<EventVotes, kPaceTests>;
  struct Mode {
    // Between stalls "slower" votes for the candidate, which outweighs them: no rest needed.
    Tests tests{EventVotes(60), EventVotes(0), EventVotes(60)};
    SlowSeconds slow;
  };
  const Mode& speaking() const { return modes_[with_secondary() ? 1 : 0]; }

  std::array<Mode, 2> modes_;  // against the original, against the secondary
  std::array<Histogram, 2> control_;
  std::array<Duration, 2> tail_{};  // T: the control's p99 up to the previous second
  std::array<std::int64_t, 2> tail_second_{INT64_MIN, INT64_MIN};
  std::uint64_t secondary_pairs_ = 0;
  bool has_secondary_ = true;
};

}  // namespace shadowtap::results
