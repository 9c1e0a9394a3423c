// The way from accepted requests to the targets that get them together: candidate and
// secondary, or one mirror.
//
//   shot    | waits for                                | leaves by
//   awaiting| its original (`send: response`)          | original_ended
//   held    | its predecessors (OrderGate)             | their end, order_wait
//   queued  | a slot at the first target               | sent; refused stale or queue_full
//   flying  | its answers                              | both are there, or recall()
//
// Everything that waits is bounded by the first target's queue, oldest out first, and by
// its `max_wait`. The first target never waits for a slot of the second, which is then
// refused (queue_full); for a connection that the second is opening it waits at most
// kPairWait, and after a wait in vain not again for kPairRest.
// On the shard's thread; owned by a dispatcher.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "agent/shadow/aliases.h"
#include "agent/shadow/order_gate.h"
#include "agent/shadow/target.h"

namespace shadowtap::shadow {

class Lane final : public Target::Owner {
 public:
  class Owner {
   public:
    virtual void deliver(http::ExchangeId id, Role role, TargetOutcome outcome) = 0;
    // Called once a connection event was worked off.
    virtual void settled() = 0;
    virtual bool may_send() const = 0;
    virtual bool may_follow(const http::Request& request) = 0;
    virtual bool may_become(std::string_view target) = 0;

   protected:
    ~Owner() = default;
  };

  Lane(Owner& owner, Role first_role, const DispatchOptions& dispatch);
  ~Lane();

  // Either may be null. What flies at a replaced target comes home.
  void set_first(std::unique_ptr<Target> target);
  void set_second(std::unique_ptr<Target> target);
  Target* first() { return first_.get(); }
  Target* second() { return second_.get(); }
  const Target* first() const { return first_.get(); }
  const Target* second() const { return second_.get(); }

  // Holds for what comes and for what waits; what flies goes on, and what waits may wait for
  // it. Pairs of aliases are forgotten where one of their rules is gone.
  void set(const DispatchOptions& dispatch, Time now);

  // `request` is what is to be sent (the exchange's own, or as the middleware changed it);
  // both stay until the lane is done with them. Needs first().
  void accept(const http::Exchange& exchange, const http::Request& request, bool with_second,
              bool in_order, Time now);
  void original_ended(const http::Exchange& exchange, bool complete, Time now);
  void tick(Time now);
  // Ends all that waits with that outcome; what flies goes on.
  void withdraw(const TargetOutcome& outcome);
  // Ends as paused all that waits, and what flies but has not begun to leave: nothing that
  // was accepted before is sent after it.
  void recall();
  void stop();

  // Nothing waits or flies.
  bool idle() const { return shots_.empty() && retired_.empty(); }
  std::size_t waiting() const { return shots_.size() - flying_; }
  // Something could leave as soon as an answer comes.
  bool awaits_answers() const { return flying_ > 0 && (gate_.held() > 0 || !queue_.empty()); }
  std::uint64_t cut_waits() const { return gate_.cut_waits(); }

 private:
  enum class Stage : std::uint8_t { kAwaiting, kHeld, kQueued, kFlying };
  struct Shot {
    const http::Exchange* exchange = nullptr;
    const http::Request* request = nullptr;
    Stage stage = Stage::kAwaiting;
    bool in_order = true;
    bool live = false;  // sent as it comes: its delay tells of us
    bool second_wanted = false;
    bool first_open = true;
    bool second_open = false;
    int original_status = 0;  // 0: not known yet
    Time waiting_since;
  };
  struct ServerError {  // a 5xx of a target whose original is not known yet
    Duration latency;
    Time when;
  };
  struct HandedOutBy {  // until the original and every target of the lane have answered
    std::optional<HandedOut> original;
    std::optional<HandedOut> first;
    std::optional<HandedOut> second;
  };
  using Shots = std::unordered_map<http::ExchangeId, Shot>;

  void target_answered(Target& target, http::ExchangeId id, http::Answer answer) override;
  void target_changed(Target& target) override;
  void target_withheld(Target& target, http::ExchangeId id, TargetOutcome outcome) override;
  bool may_send() const override { return owner_.may_send(); }
  bool may_follow(const http::Request& request) override { return owner_.may_follow(request); }
  bool may_become(std::string_view target) override { return owner_.may_become(target); }

  void enter(http::ExchangeId id, Shot& shot, Time now);
  void set_order(Order order, Duration order_wait, Time now);
  void set_send(SendOn send, Time now);
  void set_aliases(const std::vector<SessionAlias>& rules);
  void enqueue(const std::vector<http::ExchangeId>& freed);
  void make_room();
  void pump(Time now);
  bool try_send(http::ExchangeId id, Shot& shot, Time now);
  bool pair_ready(Time now);
  void send_both(http::ExchangeId id, Shot& shot, bool with_second, Time now);
  void give_up(http::ExchangeId id, const TargetOutcome& outcome);
  void end_role(http::ExchangeId id, Role role, TargetOutcome outcome);
  void end_untried(http::ExchangeId id, http::AnswerError error, Time now);
  void judge(Target& target, http::ExchangeId id, const Shot& shot, const http::Answer& answer);
  void judge_server_error(http::ExchangeId id, Role role, Target* target, bool original_failed);
  void note(http::ExchangeId id, std::optional<HandedOut> HandedOutBy::*whose,
            const http::Response& response);
  void retire(std::unique_ptr<Target> target);
  void drop_overdue(std::deque<std::pair<Time, http::ExchangeId>>& ages, Stage first,
                    Stage last, Duration patience, const TargetOutcome& outcome, Time now);

  Owner& owner_;
  Role first_role_;
  SendOn send_on_;
  Duration original_timeout_;
  OrderGate gate_;
  std::unique_ptr<Target> first_;
  std::unique_ptr<Target> second_;
  std::vector<std::unique_ptr<Target>> retired_;
  Shots shots_;
  std::deque<http::ExchangeId> queue_;  // with ids that are gone
  // Both with ids that have moved on.
  std::deque<std::pair<Time, http::ExchangeId>> awaiting_by_age_;
  std::deque<std::pair<Time, http::ExchangeId>> by_age_;
  std::map<std::pair<http::ExchangeId, Role>, ServerError> server_errors_;
  std::vector<SessionAlias> alias_rules_;
  AliasTable first_aliases_{alias_rules_};
  AliasTable second_aliases_{alias_rules_};
  std::unordered_map<http::ExchangeId, HandedOutBy> handed_out_;
  std::deque<http::ExchangeId> handed_out_by_age_;
  Time pair_awaited_since_;  // by the first head since both last had a connection
  std::size_t flying_ = 0;
  bool pumping_ = false;
  bool stopping_ = false;
};

}  // namespace shadowtap::shadow
