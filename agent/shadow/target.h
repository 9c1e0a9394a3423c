// One target as a shard sees it: its connections, its breaker, its rate, its counters.
//
// Takes a request only when asked to send one now; queues are the lane's. Retries, once
// and only what is idempotent, when a pooled connection turns out to be dead.
//
// `rate`, `concurrency` and `queue` are limits over all shards. A shard has its part of
// each: of the last two at least 1, and the first shards have what does not divide. On the
// shard's thread; owned by a lane.
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "agent/base/counter.h"
#include "agent/shadow/address_turns.h"
#include "agent/shadow/breaker.h"
#include "agent/shadow/connection.h"
#include "agent/shadow/latency_histogram.h"
#include "agent/shadow/outgoing.h"
#include "agent/shadow/target_url.h"
#include "agent/shadow/token_bucket.h"

namespace shadowtap::shadow {

class Target final : private Connection::Owner {
 public:
  class Owner {
   public:
    virtual void target_answered(Target& target, http::ExchangeId id, http::Answer answer) = 0;
    // A connection became usable, or could not be opened.
    virtual void target_changed(Target& target) = 0;
    // Not sent, or not to its end: what rewriting made of it must not be, or nothing may be
    // just now (Skipped), or a redirect asks for more than the rates allow (Refused).
    virtual void target_withheld(Target& target, http::ExchangeId id, TargetOutcome outcome) = 0;
    // Whether anything may be sent just now: neither paused nor expired.
    virtual bool may_send() const = 0;
    // Whether a request that a redirect asks for may be sent.
    virtual bool may_follow(const http::Request& request) = 0;
    // Whether a request may be rewritten to that request target.
    virtual bool may_become(std::string_view target) = 0;

   protected:
    ~Owner() = default;
  };

  struct Surroundings {
    Readiness& readiness;
    Owner& owner;
    ServiceContext context;
    std::span<char> read_buffer;
  };

  static Result<std::unique_ptr<Target>> create(const Surroundings& around,
                                                const TargetOptions& options,
                                                const DispatchOptions& dispatch);
  ~Target();

  enum class Admission : std::uint8_t {
    kNow,
    kNoSlot,  // ask again after target_changed() or target_answered()
    kOpen,    // the circuit is open
    kRate,    // over its rate, or the rate over all targets
    kDns,     // its name is not known
  };
  // What admit() would say of slot, circuit and name; takes nothing.
  Admission probe(Time now) const;
  // kNow has taken a token and a place in flight: send() must follow.
  [[nodiscard]] Admission admit(Time now);
  // Whether a connection stands ready; if not, and nothing failed of late, opens one.
  [[nodiscard]] bool warm(Time now);
  // `due`: when the request was complete at the tap; none where that says nothing.
  void send(const http::Request& request, http::ExchangeId id, const Substitution* aliases,
            std::optional<Time> due, Time now);

  void set_trace(Trace trace) { outgoing_.set_trace(trace); }

  // Deadlines, idle and old connections, addresses that are gone. Every 10 ms or so.
  void sweep(Time now);
  // Ends with that outcome what is in flight and has not begun to leave, its connection
  // being opened still; closes those connections. What has begun goes on.
  void recall(const TargetOutcome& outcome);
  // Ends what is in flight as reset and closes everything.
  void stop();

  // The original said what this 5xx is worth: a fault of the target, or the same.
  void judge_server_error(bool original_failed_too, Duration latency, Time now);

  // As configured, over all shards.
  const TargetOptions& options() const { return options_; }
  // This shard's part of options().queue.
  std::size_t queue_limit() const { return queue_limit_; }
  bool idle() const { return busy_ == 0; }
  std::size_t free_slots() const;
  // What this target counted; queue figures are the lane's.
  TargetStatus status(Time now) const;
  // A refused request of this target.
  void count(http::Refused reason) { refused_.add(reason); }
  void count_withdrawn() { withdrawn_.add(); }
  // A request that ended without being tried (circuit_open, dns).
  void count_untried(http::AnswerError error, Time now);
  bool expired(Time now) const;

 private:
  Target(const Surroundings& around, const TargetOptions& options,
         const DispatchOptions& dispatch, TargetUrl url, Outgoing outgoing);
  void ready(Connection& connection) override;
  void answered(Flight flight, http::Answer answer) override;
  void stale(Flight flight) override;
  void gone(Connection& connection, http::AnswerError error) override;
  void mark_failed() override { mark_failures_.add(); }
  bool is_service(const SocketAddress& address) override;
  std::span<char> read_buffer() override { return around_.read_buffer; }

  std::shared_ptr<Connection> add_connection();
  Connection* take_idle(Time now);
  void reach(const SocketAddress& address, Time now);
  std::vector<SocketAddress> addresses() const;
  bool name_unknown() const;
  void launch(Flight flight, Time now);
  void withhold(http::ExchangeId id, TargetOutcome outcome);
  void finish(http::ExchangeId id, http::Answer answer);
  void judge(const http::Answer& answer, Time now);
  bool follow_redirect(Flight& flight, const http::Answer& answer);
  bool take_rate(Time now);
  void close_outdated(Time now);

  Surroundings around_;
  TargetOptions options_;
  std::size_t concurrency_;  // this shard's part, as queue_limit_
  std::size_t queue_limit_;
  TargetUrl url_;
  Outgoing outgoing_;
  ConnectionLimits limits_;
  std::shared_ptr<TlsContext> tls_;
  std::optional<SocketAddress> literal_;
  std::shared_ptr<const ResolvedName> name_;
  Breaker breaker_;
  TokenBucket rate_;

  std::vector<std::shared_ptr<Connection>> connections_;
  std::vector<Connection*> idle_;  // the last one used is taken first
  AddressTurns turns_;
  Connection* reaching_ = nullptr;  // is being opened to an address that has none yet
  std::size_t busy_ = 0;      // requests in flight
  bool open_failed_ = false;  // the last attempt to open a connection
  bool stopped_ = false;
  Time next_upkeep_;
  Time created_;

  Counter answered_;
  CounterSet<http::AnswerError> errors_;
  CounterSet<http::Refused> refused_;
  Counter opened_;
  Counter retried_;
  Counter mark_failures_;
  Counter withdrawn_;
  Counter own_address_;
  LatencyHistogram send_delay_;
};

}  // namespace shadowtap::shadow
