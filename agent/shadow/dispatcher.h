// Sends the requests of one service to its targets and hands their answers back.
//
// The only way out of the process for captured requests: every request passes
// Filter first (live, replay and re-send alike). Knows nothing of diffs or of
// results; never waits for anyone; every queue is bounded and every refusal named.
//
// One per shard and service, on the shard's thread and io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "agent/base/counter.h"
#include "agent/base/result.h"
#include "agent/base/endpoint.h"
#include "agent/http/exchange.h"
#include "agent/http/outcomes.h"
#include "agent/shadow/latency_histogram.h"
#include "agent/shadow/options.h"

namespace shadowtap::shadow {

class Resolver;       // agent/shadow/resolver.h
class ServiceHealth;  // agent/shadow/service_health.h
class SharedLimits;   // agent/shadow/shared_limits.h

// What a target made of one request. NotComparable: withdrawn before it was sent, because
// the original will not come (`send: response`), the middleware dropped it, or we stop.
// Skipped: paused before it began to leave or was tried again, or what rewriting made of
// it must not be sent.
using TargetOutcome =
    std::variant<http::Answer, http::Refused, http::NotComparable, http::Skipped>;

class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  // Exactly once for each (exchange, target) that was accepted by submit(), never from
  // within submit(). For mirrors the answer's body is not kept.
  virtual void answered(http::ExchangeId id, Role role, TargetOutcome outcome) = 0;
};

// What submit() did. `sent` roles are answered() later, exactly once each.
struct Submitted {
  // Nothing is sent at all; but with kNoCandidate mirrors may still get it.
  std::optional<http::Skipped> skipped;
  std::optional<http::Refused> refused;  // the candidate's place was refused
  bool candidate = false;
  bool secondary = false;
  std::uint16_t mirrors = 0;
  bool selected = false;  // the rules let it pass (also while nothing is there to send to)

  std::size_t answers() const { return std::size_t{candidate} + secondary + mirrors; }
};

enum class TargetState : std::uint8_t { kUp, kFailing, kOpen };
const char* to_string(TargetState state);

struct TargetStatus {
  Role role;
  std::string name;
  std::string url;
  TargetState state;
  WallTime since;                      // of that state
  std::optional<WallTime> next_probe;  // while open
  bool insecure = false;
  std::uint64_t answered = 0;
  std::uint64_t errors[static_cast<std::size_t>(http::AnswerError::kCount_)] = {};
  std::uint64_t refused[static_cast<std::size_t>(http::Refused::kCount_)] = {};
  std::uint64_t connections_opened = 0;
  std::size_t queued = 0;
  std::size_t in_flight = 0;
  std::uint64_t order_waits_cut = 0;  // sent although a predecessor had not ended
  std::uint64_t retried = 0;          // on a fresh connection, after a stale pooled one
  std::uint64_t mark_failures = 0;    // sockets that could not get our mark
  std::uint64_t withdrawn = 0;        // accepted, then not sent (NotComparable)
  std::uint64_t own_address = 0;      // connections not opened: it was the service itself
  LatencyHistogram send_delay;        // request complete at the tap -> first byte sent
  std::optional<WallTime> expires;
};

struct MiddlewareStatus {
  bool running = false;
  std::uint64_t starts = 0;
  std::uint64_t dropped = 0;  // requests: by it, by its time-out, by its death
  std::uint64_t untold = 0;   // responses it was not shown, its pipe being full
  std::uint64_t refused_changes = 0;  // requests that it made into what must not be sent
};

struct ImpactSide {
  double p50_ms = 0;
  double p99_ms = 0;
  double error_share = 0;
  std::uint64_t exchanges = 0;
};

// The original's latency and errors with shadows on and in the windows with shadows off.
struct ImpactReport {
  ImpactSide with_shadows;
  ImpactSide without_shadows;
  double harm_ms = 0;      // mean of (on - off) over paired windows
  double interval_ms = 0;  // half width of its interval
  std::uint64_t windows = 0;
  enum class Verdict : std::uint8_t { kUnknown, kNone, kHarm } verdict = Verdict::kUnknown;
  std::string interval;  // in words
};
const char* to_string(ImpactReport::Verdict verdict);

class Dispatcher {
 public:
  virtual ~Dispatcher() = default;

  // The request is complete. The exchange stays where it is until every sent role
  // was answered; the dispatcher reads it by reference until then (but not its body
  // where only mirrors get it).
  virtual Submitted submit(const http::Exchange& exchange) = 0;

  // The original ended (answered or lost): happens-before and `send: response` wait for it.
  virtual void original_ended(const http::Exchange& exchange, bool complete) = 0;

  // Feeds guard and impact: the original's latency and status at the tap, also of
  // exchanges that were not selected.
  virtual void observe(Duration latency, int status, Time now) = 0;

  // Timers: staleness, order_wait, breaker, ramp. Called about every 10 ms.
  virtual void tick(Time now) = 0;

  // Whether an answer would let something go that waits: then it should be read at once,
  // else with the next turn (its times are the kernel's either way).
  virtual bool awaits_answers() const = 0;

  // Sends a kept request to candidate and secondary once more, outside sampling and
  // order, through the same decision about side effects. Answers come as for submit().
  virtual Submitted resend(const http::Exchange& exchange) = 0;

  // Sends a request to the candidate alone a second time (noise.resend): a safe method, the
  // same decision, and rate, guard and pauses as for live traffic. Answers as for submit().
  virtual Submitted repeat(const http::Exchange& exchange) = 0;

  // Feeds the ramp, from results: comparisons since the last call, and how many of them
  // were mismatches or errors.
  virtual void observe_trouble(std::uint64_t trouble, std::uint64_t all) = 0;

  // Paused: what has not begun to leave ends as such, at once, and nothing is tried again.
  virtual void set_paused(bool paused) = 0;
  virtual Result<> apply(const SelectOptions& select) = 0;
  // How requests are sent, but for the service's health (ServiceHealth) and `mark`. Another
  // `expires` counts from now; the same goes on as it is. Another middleware: what waits for
  // the one before is dropped.
  virtual void apply(const DispatchOptions& dispatch) = 0;
  virtual Result<> put_target(const TargetOptions& target) = 0;
  virtual bool remove_target(Role role, const std::string& name) = 0;
  virtual std::vector<TargetStatus> status() const = 0;
  virtual double effective_sample() const = 0;  // percent, after ramp and guard
  virtual bool sending_expired() const = 0;
  // Nothing where none is configured.
  virtual std::optional<MiddlewareStatus> middleware() const = 0;

  // Refuses what is queued, closes idle connections, answers what is in flight as reset.
  virtual void stop() = 0;
};

// Where one dispatcher stands in the agent. What the pointers name outlives it.
struct ServiceContext {
  std::string name;
  std::uint16_t shard = 0;
  std::uint16_t shards = 1;        // rates and limits are split evenly
  SharedLimits* limits = nullptr;  // none: no limits over all targets
  Resolver* resolver = nullptr;    // none: literal addresses and Unix sockets only
  ServiceHealth* health = nullptr;  // none: a recording, whose originals feel nothing
  // Whether a connection to that address would reach the service itself. May be empty.
  std::function<bool(const Endpoint&)> is_service = {};
};

// Fails on a URL, pattern, file or certificate that cannot be used; never because a
// target cannot be reached.
Result<std::unique_ptr<Dispatcher>> make_dispatcher(
    boost::asio::io_context& io, ServiceContext context, SelectOptions select,
    DispatchOptions dispatch, std::vector<TargetOptions> targets, AnswerSink& sink);

// The same checks without making anything (for --check-config and the API).
Result<> validate(const SelectOptions& select);
Result<> validate(const TargetOptions& target);

}  // namespace shadowtap::shadow
