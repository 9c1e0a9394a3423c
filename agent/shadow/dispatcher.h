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
#include "agent/http/exchange.h"
#include "agent/http/outcomes.h"
#include "agent/shadow/options.h"

namespace shadowtap::shadow {

// What a target made of one request.
using TargetOutcome = std::variant<http::Answer, http::Refused>;

class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  // Exactly once for each (exchange, target) that was accepted by submit(). For mirrors
  // the answer's body is not kept.
  virtual void answered(http::ExchangeId id, Role role, TargetOutcome outcome) = 0;
};

// What submit() did. `sent` roles are answered() later, exactly once each.
struct Submitted {
  std::optional<http::Skipped> skipped;  // nothing is sent at all
  std::optional<http::Refused> refused;  // the candidate's place was refused
  bool candidate = false;
  bool secondary = false;
  std::uint16_t mirrors = 0;
};

enum class TargetState : std::uint8_t { kUp, kFailing, kOpen };
const char* to_string(TargetState state);

struct TargetStatus {
  Role role;
  std::string name;
  std::string url;
  TargetState state;
  WallTime since;                     // of that state
  std::optional<WallTime> next_probe;  // while open
  bool insecure = false;
  std::uint64_t answered = 0;
  std::uint64_t errors[static_cast<std::size_t>(http::AnswerError::kCount_)] = {};
  std::uint64_t refused[static_cast<std::size_t>(http::Refused::kCount_)] = {};
  std::uint64_t connections_opened = 0;
  std::size_t queued = 0;
  std::size_t in_flight = 0;
};

class Dispatcher {
 public:
  virtual ~Dispatcher() = default;

  // The request is complete. The exchange stays where it is until every sent role
  // was answered; the dispatcher reads it by reference until then.
  virtual Submitted submit(const http::Exchange& exchange) = 0;

  // The original ended (answered or lost): happens-before and `send: response` wait for it.
  virtual void original_ended(const http::Exchange& exchange, bool complete) = 0;

  // Feeds the guard: the original's latency and status at the tap, also of exchanges
  // that were not selected.
  virtual void observe(Duration latency, int status, Time now) = 0;

  // Timers: staleness, order_wait, breaker, ramp, guard. Called about every 10 ms.
  virtual void tick(Time now) = 0;

  virtual void set_paused(bool paused) = 0;
  virtual Result<> apply(const SelectOptions& select) = 0;
  virtual Result<> put_target(const TargetOptions& target) = 0;
  virtual bool remove_target(Role role, const std::string& name) = 0;
  virtual std::vector<TargetStatus> status() const = 0;

  // Refuses what is queued, closes idle connections, answers what is in flight as reset.
  virtual void stop() = 0;
};

}  // namespace shadowtap::shadow
