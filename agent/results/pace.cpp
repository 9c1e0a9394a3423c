#include "agent/results/pace.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

#include "agent/results/evidence.h"

namespace shadowtap::results {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMinForTail = 100;

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

void SecondVotes::add(std::int64_t second, int sign) {
  close(second);
  second_ = second;
  balance_ += sign;
  ++counts_.pairs;
  if (sign > 0) ++counts_.plus;
}

void SecondVotes::close(std::int64_t now_second) {
  if (second_ == INT64_MIN || now_second <= second_) return;
  if (balance_ != 0) vote(second_, balance_ > 0 ? 1 : -1);
  balance_ = 0;
  second_ = INT64_MIN;
}

void SecondVotes::vote(std::int64_t second, int sign) {
  if (sign == voted_sign_ && second - voted_ < event_seconds_) return;
  voted_ = second;
  voted_sign_ = sign;
  ++(sign > 0 ? counts_.s : counts_.f);
}

void Pace::add(const PacePair& pair) {
  const std::size_t m = pair.with_secondary ? 1 : 0;
  const std::int64_t second = second_of(pair.time);
  if (pair.with_secondary) ++secondary_pairs_;
  Tests& tests = modes_[m].tests;
  const int errors = (pair.candidate_failed ? 1 : 0) - (pair.control_failed ? 1 : 0);
  tests[static_cast<std::size_t>(PaceTest::kErrors)].add(second, errors);
  if (!pair.candidate || !pair.control) return;

  if (modes_[m].pairs++ == 0) modes_[m].first = pair.time;
  modes_[m].last = pair.time;
  tests[static_cast<std::size_t>(PaceTest::kSlower)].add(second, is_slower(pair) ? 1 : -1);
  if (second > tail_second_[m]) {
    tail_second_[m] = second;
    tail_[m] = control_[m].total() >= kMinForTail ? control_[m].above_percentile(0.99) : Duration{};
  }
  control_[m].add(*pair.control);
  if (tail_[m] == Duration{}) return;
  const int tail = (*pair.candidate > tail_[m] ? 1 : 0) - (*pair.control > tail_[m] ? 1 : 0);
  tests[static_cast<std::size_t>(PaceTest::kTail)].add(second, tail);
}

void Pace::close(WallTime now) {
  for (Mode& mode : modes_) {
    for (SecondVotes& votes : mode.tests) votes.close(second_of(now));
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
  return fmt::format("The candidate {} in {} of {} pairs with {}; by second and event, {} votes against "
                     "it, {} for it: E x 1/8 = {:.3g}, needed 1/alpha = {:.4g}.",
                     what, c.plus, c.pairs, control, c.s, c.f,
                     std::exp(std::min(log_evidence_weighted(test), 700.0)), 1 / alpha);
}

bool Pace::always_slower(std::uint64_t pairs, Duration time) const {
  const Mode& mode = speaking();
  const PaceCounts& c = counts(PaceTest::kSlower);
  return c.pairs >= pairs && c.plus == c.pairs && mode.last - mode.first >= time;
}

std::string Pace::to_text() const {
  std::string text = fmt::format("{}", secondary_pairs_);
  for (const Mode& mode : modes_) {
    for (const SecondVotes& votes : mode.tests) {
      const PaceCounts& c = votes.counts();
      fmt::format_to(std::back_inserter(text), " {} {} {} {}", c.s, c.f, c.plus, c.pairs);
    }
    fmt::format_to(std::back_inserter(text), " {} {} {}", mode.pairs,
                   mode.first.time_since_epoch().count(), mode.last.time_since_epoch().count());
  }
  return text;
}

void Pace::restore(std::string_view text) {
  const std::string copy(text);
  const char* at = copy.c_str();
  char* end = nullptr;
  const auto next = [&]() -> std::uint64_t {
    const std::uint64_t value = std::strtoull(at, &end, 10);
    at = end;
    return value;
  };
  secondary_pairs_ = next();
  for (Mode& mode : modes_) {
    for (SecondVotes& votes : mode.tests) {
      PaceCounts c;
      c.s = next();
      c.f = next();
      c.plus = next();
      c.pairs = next();
      votes.restore(c);
    }
    mode.pairs = next();
    mode.first = WallTime(Duration(static_cast<std::int64_t>(next())));
    mode.last = WallTime(Duration(static_cast<std::int64_t>(next())));
  }
}

}  // namespace shadowtap::results
