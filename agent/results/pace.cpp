#include "agent/results/pace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "agent/results/evidence.h"

namespace shadowtap::results {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMinForTail = 100;
// So many pairs in which nothing happened to either, for so long: whatever stalled has recovered. Of a stall
// that fails one request in ten, 50 in a row that pass are 1 in 200.
constexpr std::int64_t kCalmPairs = 50;
constexpr std::int64_t kCalmSeconds = 10;

std::int64_t second_of(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

bool is_slower(const PacePair& pair) {
  const auto scaled = [&](double factor, Duration slack) {
    return std::chrono::duration<double, std::nano>(*pair.candidate).count() >
           factor * std::chrono::duration<double, std::nano>(*pair.control).count() +
               std::chrono::duration<double, std::nano>(slack).count();
  };
  return pair.with_secondary ? scaled(1.25, 1ms) : scaled(2, 5ms);
}

}  // namespace

const char* to_string(PaceTest test) {
  switch (test) {
    case PaceTest::kErrors: return "errors";
    case PaceTest::kSlower: return "slower";
    case PaceTest::kTail: return "tail";
    case PaceTest::kCount_: break;
  }
  return "?";
}

// The event's seconds are over, or the rest after it is.
void EventVotes::close(WallTime now) {
  if (!begun_ || second_of(now) < *begun_ + kEvent) return;
  if (balance_ != 0) ++(balance_ > 0 ? counts_.s : counts_.f);
  calm_since_ = *begun_ + kEvent;
  calm_pairs_ = 0;
  rests_until_ = calm_since_ + rest_;
  begun_.reset();
  balance_ = 0;
}

void EventVotes::add(WallTime time, bool candidate, bool control) {
  close(time);
  const int sign = (candidate ? 1 : 0) - (control ? 1 : 0);
  if (counts_.pairs++ == 0) counts_.first = time;
  counts_.last = std::max(counts_.last, time);
  if (sign > 0) ++counts_.plus;
  const std::int64_t second = second_of(time);
  if (!begun_ && (rests(second, !candidate && !control) || sign == 0)) return;
  if (!begun_) begun_ = second;
  balance_ += sign;
}

bool EventVotes::rests(std::int64_t second, bool calm) {
  if (std::exchange(restored_, false)) {
    calm_since_ = second;
    rests_until_ = second + rest_;
  }
  if (second >= rests_until_) return false;
  calm_pairs_ = calm ? calm_pairs_ + 1 : 0;
  if (!calm) calm_since_ = std::max(calm_since_, second);
  if (calm_pairs_ >= kCalmPairs && second - calm_since_ >= kCalmSeconds) rests_until_ = second;
  return second < rests_until_;
}

void EventVotes::restore(const PaceCounts& counts) {
  counts_ = counts;
  restored_ = counts.pairs > 0;
}

void SlowSeconds::add(std::int64_t second, bool slower) {
  if (second > second_) {
    if (second_ != INT64_MIN) each_ = each_ && balance_ > 0;
    second_ = second;
    balance_ = 0;
  }
  balance_ += slower ? 1 : -1;
}

void Pace::add(const PacePair& pair) {
  const std::size_t m = pair.with_secondary ? 1 : 0;
  const std::int64_t second = second_of(pair.time);
  if (pair.with_secondary && !pair.control_failed) ++secondary_pairs_;
  Tests& tests = modes_[m].tests;
  tests[static_cast<std::size_t>(PaceTest::kErrors)].add(pair.time, pair.candidate_failed, pair.control_failed);
  if (!pair.candidate || !pair.control) return;

  tests[static_cast<std::size_t>(PaceTest::kSlower)].add(pair.time, is_slower(pair), !is_slower(pair));
  modes_[m].slow.add(second, is_slower(pair));
  if (second > tail_second_[m]) {
    tail_second_[m] = second;
    tail_[m] = control_[m].total() >= kMinForTail ? control_[m].above_percentile(0.99) : Duration{};
  }
  control_[m].add(*pair.control);
  if (tail_[m] == Duration{}) return;
  tests[static_cast<std::size_t>(PaceTest::kTail)].add(pair.time, *pair.candidate > tail_[m], *pair.control > tail_[m]);
}

void Pace::close(WallTime now) {
  for (Mode& mode : modes_) {
    for (EventVotes& votes : mode.tests) votes.close(now);
  }
}

const PaceCounts& Pace::counts(PaceTest test) const {
  return speaking().tests[static_cast<std::size_t>(test)].counts();
}

double Pace::log_evidence_weighted(PaceTest test) const {
  const PaceCounts& c = counts(test);
  return log_evidence(c.s, c.f) - std::log(8.0);
}

std::string Pace::explain(PaceTest test, double alpha) const {
  const PaceCounts& c = counts(test);
  const char* control = with_secondary() ? "the secondary" : "the original";
  const char* what = "";
  if (test == PaceTest::kErrors) what = "fails (no answer or 5xx) alone";
  if (test == PaceTest::kSlower) {
    what = with_secondary() ? "takes more than 1.25 x the control's time + 1 ms"
                            : "takes more than 2 x the control's time + 5 ms";
  }
  if (test == PaceTest::kTail) what = "alone is above the control's p99";
  return fmt::format("The candidate {} in {} of {} pairs with {}; by event (10 s), {} votes against "
                     "it, {} for it: E x 1/8 = {:.3g}, needed 1/alpha = {:.4g}.",
                     what, c.plus, c.pairs, control, c.s, c.f,
                     std::exp(std::min(log_evidence_weighted(test), 700.0)), 1 / alpha);
}

bool Pace::always(PaceTest test, std::uint64_t pairs, Duration time) const {
  const PaceCounts& c = counts(test);
  const bool each = test == PaceTest::kSlower ? speaking().slow.each() : c.plus == c.pairs;
  return each && c.pairs >= pairs && c.last - c.first >= time;
}

std::string Pace::to_text() const {
  std::string text = fmt::format("{}", secondary_pairs_);
  for (const Mode& mode : modes_) {
    for (const EventVotes& votes : mode.tests) {
      const PaceCounts& c = votes.counts();
      fmt::format_to(std::back_inserter(text), " {} {} {} {} {} {}", c.s, c.f, c.plus, c.pairs,
                     c.first.time_since_epoch().count(), c.last.time_since_epoch().count());
    }
    text += mode.slow.closed() ? " 1" : " 0";
  }
  return text;
}

void Pace::restore(std::string_view text) {
  const std::string copy(text);
  const char* at = copy.c_str();
  char* end = nullptr;
  const auto next = [&](std::uint64_t missing = 0) -> std::uint64_t {
    const std::uint64_t value = std::strtoull(at, &end, 10);
    return std::exchange(at, end) == end ? missing : value;
  };
  const auto next_time = [&] { return WallTime(Duration(static_cast<std::int64_t>(next()))); };
  secondary_pairs_ = next();
  for (Mode& mode : modes_) {
    for (EventVotes& votes : mode.tests) {
      PaceCounts c;
      c.s = next();
      c.f = next();
      c.plus = next();
      c.pairs = next();
      c.first = next_time();
      c.last = next_time();
      votes.restore(c);
    }
    mode.slow.restore(next(1) == 1);
  }
}

}  // namespace shadowtap::results
