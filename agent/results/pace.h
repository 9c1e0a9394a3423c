// Is the candidate failing or slower than its control? One vote a second, the majority
// of that second's pairs, so that a stall or a restart is one event; evidence as for
// paths. Knows one service or one route; time is an argument.
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
  std::uint64_t s = 0, f = 0;  // seconds
  std::uint64_t plus = 0, pairs = 0;
};

// One test against one sort of control.
class SecondVotes {
 public:
  explicit SecondVotes(std::int64_t event_seconds = 1) : event_seconds_(event_seconds) {}

  // `sign`: +1 against the candidate, -1 for it, 0 says nothing.
  void add(std::int64_t second, int sign);
  // Ends a second that is over.
  void close(std::int64_t now_second);
  const PaceCounts& counts() const { return counts_; }
  void restore(const PaceCounts& counts) { counts_ = counts; }

 private:
  void vote(std::int64_t second, int sign);

  std::int64_t event_seconds_;
  std::int64_t voted_ = INT64_MIN / 2;
  int voted_sign_ = 0;
  std::int64_t second_ = INT64_MIN;
  std::int32_t balance_ = 0;
  PaceCounts counts_;
};

class Pace {
 public:
  void add(const PacePair& pair);
  void close(WallTime now);

  // Whether a secondary was the control often enough to speak.
  bool with_secondary() const { return secondary_pairs_ >= 12; }
  const PaceCounts& counts(PaceTest test) const;
  // ln (E w) with the test's share of alpha, 1/8.
  double log_evidence_weighted(PaceTest test) const;
  std::string explain(PaceTest test, double alpha) const;
  // The candidate was slower in every pair, of at least `pairs` over `time`.
  bool always_slower(std::uint64_t pairs, Duration time) const;

  std::string to_text() const;
  void restore(std::string_view text);

 private:
  static constexpr std::int64_t kEventSeconds = 10;
  using Tests = std::array<SecondVotes, kPaceTests>;
  struct Mode {
    Tests tests{SecondVotes(kEventSeconds), SecondVotes(1), SecondVotes(kEventSeconds)};
    std::uint64_t pairs = 0;  // timed
    WallTime first, last;
  };
  const Mode& speaking() const { return modes_[with_secondary() ? 1 : 0]; }

  std::array<Mode, 2> modes_;  // against the original, against the secondary
  std::array<Histogram, 2> control_;
  std::array<Duration, 2> tail_{};  // T: the control's p99 up to the previous second
  std::array<std::int64_t, 2> tail_second_{INT64_MIN, INT64_MIN};
  std::uint64_t secondary_pairs_ = 0;
};

}  // namespace shadowtap::results
