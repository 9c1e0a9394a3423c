// The Dispatcher of one service in one shard: filter, then lanes.
// Answers are handed over only between events, never from within submit().
#pragma once

#include <deque>
#include <map>

#include "agent/shadow/filter.h"
#include "agent/shadow/lane.h"
#include "agent/shadow/middleware.h"
#include "agent/shadow/ramp.h"
#include "agent/shadow/readiness.h"
#include "agent/shadow/service_health.h"

namespace shadowtap::shadow {

class ServiceDispatcher final : public Dispatcher,
                                private Lane::Owner,
                                private Middleware::Owner {
 public:
  ServiceDispatcher(boost::asio::io_context& io, ServiceContext context, SelectOptions select,
                    DispatchOptions dispatch, Filter filter, AnswerSink& sink);
  ~ServiceDispatcher() override;

  Submitted submit(const http::Exchange& exchange) override;
  Submitted resend(const http::Exchange& exchange) override;
  Submitted repeat(const http::Exchange& exchange) override;
  void original_ended(const http::Exchange& exchange, bool complete) override;
  void observe(Duration latency, int status, Time now) override;
  void observe_trouble(std::uint64_t trouble, std::uint64_t all) override;
  void tick(Time now) override;
  bool awaits_answers() const override;
  void set_paused(bool paused) override;
  Result<> apply(const SelectOptions& select) override;
  void apply(const DispatchOptions& dispatch) override;
  Result<> put_target(const TargetOptions& target) override;
  bool remove_target(Role role, const std::string& name) override;
  std::vector<TargetStatus> status() const override;
  double effective_sample() const override;
  bool sending_expired() const override;
  std::optional<MiddlewareStatus> middleware() const override;
  void stop() override;

 private:
  // Holds hand-over back as long as it lives.
  class Depth {
   public:
    explicit Depth(int& depth) : depth_(depth) { ++depth_; }
    ~Depth() { --depth_; }
    Depth(const Depth&) = delete;

   private:
    int& depth_;
  };

  struct Delivery {
    http::ExchangeId id;
    Role role;
    TargetOutcome outcome;
  };

  // A request of which we keep our own form: it went through the middleware, or only
  // mirrors get it.
  struct Offered {
    const http::Exchange* exchange = nullptr;
    bool in_order = true;
    bool second = false;
    bool candidate = false;
    bool shown = false;  // to the middleware that is there now
    std::vector<std::string> mirrors;
    bool original_over = false;
    bool original_complete = false;
    std::unique_ptr<http::Request> request;  // as it came back
    std::size_t unanswered = 0;              // deliveries to come
    std::string answer;                      // the candidate's, until the middleware saw it
    Duration answer_latency{};
  };

  void passed(http::ExchangeId id, http::Request request) override;
  void dropped(http::ExchangeId id) override;
  void hand_on(Offered& offered, Time now);
  void withhold(http::ExchangeId id, const TargetOutcome& reason);
  void end_unsent(http::ExchangeId id, Role role, Target* target, const TargetOutcome& reason);
  Target* mirror(const std::string& name);
  void account(const Delivery& delivery);
  void tell_answer(http::ExchangeId id, Offered& offered);
  void forget_if_over(http::ExchangeId id);
  void deliver(http::ExchangeId id, Role role, TargetOutcome outcome) override;
  void settled() override;
  bool may_send() const override { return !paused_ && !sending_expired(); }
  bool may_follow(const http::Request& request) override;
  bool may_become(std::string_view target) override { return filter_.may_become(target); }
  void end_lanes();
  void flush_later();
  void flush();
  enum class Reach : std::uint8_t { kAll, kCompared, kCandidate };  // the last two out of order
  Submitted send(const http::Exchange& exchange, Reach reach, Time now);
  void accept(const http::Exchange& exchange, const http::Request& request,
              const Submitted& submitted, bool in_order, Time now);
  void start_middleware();
  void end_middleware(Time now);
  void remove_expired(Time now);
  void recall_all();
  bool has_targets() const { return compared_.first() != nullptr || !mirrors_.empty(); }
  std::optional<http::Skipped> held_back(http::ExchangeId id, Time now) const;
  double share() const { return 1.0 / context_.shards; }

  boost::asio::io_context& io_;
  ServiceContext context_;
  SelectOptions select_;
  DispatchOptions dispatch_;
  Filter filter_;
  std::optional<RampProgress> ramp_;
  AnswerSink& sink_;
  Readiness readiness_;
  std::vector<char> read_buffer_;
  Lane compared_;
  std::map<std::string, std::unique_ptr<Lane>> mirrors_;
  std::vector<std::unique_ptr<Lane>> leaving_;  // removed mirrors with something in flight
  std::unordered_map<http::ExchangeId, Offered> offered_;
  std::unique_ptr<Middleware> middleware_;
  std::vector<std::unique_ptr<Middleware>> leaving_middleware_;
  MiddlewareStatus middleware_before_;  // what those that were replaced counted
  Counter refused_changes_;
  std::deque<Delivery> deliveries_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for a posted flush
  Time started_;
  Time now_;
  int depth_ = 0;  // of our own calls below: while > 0 nothing is handed over
  bool flush_posted_ = false;
  bool flushing_ = false;
  bool paused_ = false;
  bool stopped_ = false;
};

}  // namespace shadowtap::shadow
