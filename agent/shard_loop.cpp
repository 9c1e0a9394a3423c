// The shard's loop: in which order a turn does things, and when it sleeps.
#include <time.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>

#include "agent/shard.h"

namespace shadowtap {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kDrainBudget = 256;   // segments a turn
constexpr std::size_t kMaxOpenFromFile = 512;  // a file is read no faster than targets answer
constexpr std::size_t kHandlersPerTurn = 64;
constexpr Duration kTick = 10ms;            // timers of streams, sends and deadlines
constexpr Duration kIdleTick = 100ms;       // the same with nothing open; also the backstop
constexpr Duration kBusy = 4ms;             // after a record: poll, do not arm
constexpr Duration kPoll = 1ms;
constexpr Duration kStopGrace = 2s;         // for answers under way when the agent stops
constexpr Duration kStopDeadline = 10s;     // for a file's last exchanges

}  // namespace

void Shard::run() {
  auto work = boost::asio::make_work_guard(io_);
  const std::function<void(const net::Segment&)> take = [this](const net::Segment& segment) {
    assembly_.segment(segment);
  };
  std::optional<Time> ended;
  while (!stopping_.load(std::memory_order_relaxed)) {
    now_ = std::chrono::steady_clock::now();
    const bool full = source_.waits() && table_.size() >= kMaxOpenFromFile;
    const std::size_t drained = full ? 0 : source_.drain(kDrainBudget, take);
    if (drained > 0) last_record_ = now_;
    std::size_t handled = 0;
    while (handled < kHandlersPerTurn && io_.poll_one() > 0) ++handled;
    if (now_ >= next_tick_) tick(now_);
    wake_results_if_due(now_);
    if (source_.ended()) {
      if (!ended) {
        ended = now_;
        assembly_.flush(source_.clock(now_));
      }
      if (!work_left() || now_ - *ended > kStopDeadline) break;
    }
    if (!at_once(drained, handled)) sleep(now_);
  }
  if (!ended) wind_down(take);
  end_all();
  finished_.store(true);
  wake_results_();
}

// The tap is gone: what it had copied is taken, an original that is not complete never
// will be, and answers that are under way get a moment to arrive.
void Shard::wind_down(const std::function<void(const net::Segment&)>& take) {
  now_ = std::chrono::steady_clock::now();
  while (source_.drain(kDrainBudget, take) > 0) continue;
  table_.for_each([this](OpenExchange& open) {
    if (!open.original_over) end(open);
  });
  const Time limit = now_ + kStopGrace;
  while (unreported() && now_ < limit) {
    io_.run_one_for(kPoll);
    now_ = std::chrono::steady_clock::now();
    if (now_ >= next_tick_) tick(now_);
  }
}

void Shard::end_all() {
  for (auto& service : services_) {
    service->dispatcher->stop();
  }
  const Time limit = std::chrono::steady_clock::now() + kStopDeadline;
  do {
    io_.restart();
    io_.run_for(kPoll);
  } while (comparing_ > 0 && std::chrono::steady_clock::now() < limit);
  table_.for_each([this](OpenExchange& open) { end(open); });
}

bool Shard::unreported() {
  bool any = comparing_ > 0;
  table_.for_each([&any](OpenExchange& open) { any |= !open.reported; });
  return any;
}

bool Shard::work_left() const { return table_.size() > 0 || comparing_ > 0; }

void Shard::tick(Time now) {
  next_tick_ = now + (work_left() ? kTick : kIdleTick);
  assembly_.tick(source_.clock(now));
  for (std::size_t s = 0; s < services_.size(); ++s) {
    Service& service = *services_[s];
    service.open_connections.store(assembly_.open_of(static_cast<std::uint16_t>(s)),
                                   std::memory_order_relaxed);
    service.dispatcher->tick(now);
  }
  table_.sweep(now, [this](OpenExchange& open) {
    lost(open.exchange.id, http::OriginalLoss::kTimeout, "deadline");
  });
}

// A file has more as soon as there is room; a wire's records wait until a turn is full.
bool Shard::at_once(std::size_t drained, std::size_t handled) const {
  if (!watch_) return drained + handled > 0;
  return drained == kDrainBudget || handled == kHandlersPerTurn;
}

// While records come, take a turn each millisecond; when quiet, arm the source and sleep on
// its descriptor, never longer than the backstop. A wake-up for each answer would cost more
// than the rest of its exchange, so between two turns only those are awaited that let
// something else go.
void Shard::sleep(Time now) {
  if (watch_ && now - last_record_ < kBusy && !awaits_answers()) return nap(now + kPoll);
  if (!watch_ || now - last_record_ < kBusy) {
    io_.run_one_for(std::min<Duration>(kPoll, std::max<Duration>(next_tick_ - now, 0ns)));
    return;
  }
  if (source_.arm()) {
    watch_source();
    const Duration limit = work_left() || results_sleep_ ? kTick : kIdleTick;
    io_.run_one_for(std::min<Duration>(limit, std::max<Duration>(next_tick_ - now, 0ns)));
  }
  source_.disarm();
}

void Shard::nap(Time until) {
  const Duration since_boot = until.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  const timespec end{seconds.count(), (since_boot - seconds).count()};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, nullptr);
}

bool Shard::awaits_answers() const {
  return std::any_of(services_.begin(), services_.end(), [](const auto& service) {
    return service->dispatcher->awaits_answers();
  });
}

void Shard::watch_source() {
  if (std::exchange(watching_, true)) return;
  watch_->async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](const boost::system::error_code&) { watching_ = false; });
}

}  // namespace shadowtap
