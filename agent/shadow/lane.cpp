#include "agent/shadow/lane.h"

#include <algorithm>
#include <utility>

#include "agent/shadow/hash.h"

namespace shadowtap::shadow {
namespace {

// The pair's sends should start together, but a second target that is slow to connect
// must not hold the first one up: of its time at most one part in fifty.
constexpr Duration kPairWait = std::chrono::milliseconds(20);
constexpr Duration kPairRest = std::chrono::seconds(1);
constexpr std::size_t kMaxServerErrors = 4096;

// Now, or perhaps in a moment.
bool may_come(Target::Admission admission) {
  return admission == Target::Admission::kNow || admission == Target::Admission::kNoSlot;
}

http::Answer failed_answer(http::AnswerError error) {
  http::Answer answer;
  answer.error = error;
  return answer;
}

}  // namespace

Lane::Lane(Owner& owner, Role first_role, const DispatchOptions& dispatch)
    : owner_(owner),
      first_role_(first_role),
      send_on_(dispatch.send),
      original_timeout_(dispatch.original_timeout),
      gate_(dispatch.order, dispatch.order_wait),
      alias_rules_(dispatch.aliases) {}

Lane::~Lane() = default;

void Lane::set_first(std::unique_ptr<Target> target) {
  retire(std::exchange(first_, std::move(target)));
  pair_awaited_since_ = {};
  if (first_) return pump(Time::clock::now());
  withdraw(http::NotComparable::kShuttingDown);
}

void Lane::set_second(std::unique_ptr<Target> target) {
  retire(std::exchange(second_, std::move(target)));
  pair_awaited_since_ = {};
}

void Lane::retire(std::unique_ptr<Target> target) {
  if (target && !target->idle()) retired_.push_back(std::move(target));
}

void Lane::accept(const http::Exchange& exchange, const http::Request& request,
                  bool with_second, bool in_order, Time now) {
  const http::ExchangeId id = exchange.id;
  Shot& shot = shots_[id];
  shot.exchange = &exchange;
  shot.request = &request;
  shot.in_order = in_order;
  shot.live = in_order && send_on_ == SendOn::kRequest;
  shot.second_wanted = shot.second_open = with_second;
  shot.waiting_since = now;
  if (exchange.original) shot.original_status = exchange.original->status;
  if (send_on_ == SendOn::kRequest || exchange.original || !in_order) {
    enter(id, shot, now);
  } else {
    awaiting_by_age_.emplace_back(now, id);
  }
  make_room();
  pump(now);
}

void Lane::enter(http::ExchangeId id, Shot& shot, Time now) {
  const http::Exchange& exchange = *shot.exchange;
  shot.stage = Stage::kHeld;
  shot.waiting_since = now;
  by_age_.emplace_back(now, id);
  if (shot.in_order && !gate_.enter(id, exchange.connection, exchange.request_first, now))
    return;
  shot.stage = Stage::kQueued;
  queue_.push_back(id);
}

void Lane::enqueue(const std::vector<http::ExchangeId>& freed) {
  for (const http::ExchangeId id : freed) {
    const auto found = shots_.find(id);
    if (found == shots_.end() || found->second.stage != Stage::kHeld) continue;
    found->second.stage = Stage::kQueued;
    queue_.push_back(id);
  }
}

void Lane::make_room() {
  while (first_ && waiting() > first_->queue_limit()) {
    while (!queue_.empty() && !shots_.contains(queue_.front())) queue_.pop_front();
    if (!queue_.empty()) {
      give_up(queue_.front(), http::Refused::kQueueFull);
    } else if (const http::ExchangeId held = gate_.oldest_held(); held != 0) {
      give_up(held, http::Refused::kOrder);
    } else {
      const http::ExchangeId id = awaiting_by_age_.front().second;
      awaiting_by_age_.pop_front();
      const auto found = shots_.find(id);
      if (found != shots_.end() && found->second.stage == Stage::kAwaiting) {
        give_up(id, http::Refused::kQueueFull);
      }
    }
  }
}

void Lane::original_ended(const http::Exchange& exchange, bool complete, Time now) {
  const http::ExchangeId id = exchange.id;
  const int status = complete && exchange.original ? exchange.original->status : 1;
  judge_server_error(id, first_role_, first_.get(), status >= 500);
  judge_server_error(id, Role::kSecondary, second_.get(), status >= 500);
  const auto found = shots_.find(id);
  const bool of_interest = found != shots_.end() || handed_out_.contains(id);
  if (of_interest && complete && exchange.original) {
    note(id, &HandedOutBy::original, *exchange.original);
  }
  if (found == shots_.end()) return;
  Shot& shot = found->second;
  shot.original_status = status;
  if (shot.stage != Stage::kAwaiting) {
    if (complete) gate_.original_ended(id, exchange.response_last);
    return;
  }
  if (!complete) return give_up(id, http::NotComparable::kOriginalLost);
  enter(id, shot, now);
  gate_.original_ended(id, exchange.response_last);
  pump(now);
}

void Lane::pump(Time now) {
  if (pumping_) return;
  pumping_ = true;
  while (!queue_.empty()) {
    const http::ExchangeId id = queue_.front();
    const auto found = shots_.find(id);
    if (found == shots_.end() || found->second.stage != Stage::kQueued) {
      queue_.pop_front();
      continue;
    }
    if (!try_send(id, found->second, now)) break;
  }
  pumping_ = false;
}

// False: the head has to wait.
bool Lane::try_send(http::ExchangeId id, Shot& shot, Time now) {
  if (!first_) return give_up(id, http::NotComparable::kShuttingDown), true;
  switch (first_->probe(now)) {
    case Target::Admission::kNoSlot:
      return false;
    case Target::Admission::kOpen:
      return end_untried(id, http::AnswerError::kCircuitOpen, now), true;
    case Target::Admission::kDns:
      return end_untried(id, http::AnswerError::kDns, now), true;
    case Target::Admission::kRate:
    case Target::Admission::kNow:
      break;
  }
  const bool together = shot.second_wanted && second_ && may_come(second_->probe(now));
  if (together && !pair_ready(now)) return false;
  switch (first_->admit(now)) {
    case Target::Admission::kNow:
      break;
    case Target::Admission::kRate:
      return give_up(id, http::Refused::kRate), true;
    case Target::Admission::kNoSlot:
    case Target::Admission::kOpen:
    case Target::Admission::kDns:
      return false;
  }
  send_both(id, shot, together && second_->admit(now) == Target::Admission::kNow, now);
  return true;
}

// Both have a slot and a connection to send on, or were waited for long enough. The wait is one
// for all heads: with one each, a second that cannot be reached would set the first one's pace.
bool Lane::pair_ready(Time now) {
  const bool first_warm = first_->warm(now);
  const bool has_slot = second_->probe(now) == Target::Admission::kNow;
  if (has_slot && second_->warm(now) && first_warm) {
    pair_awaited_since_ = {};
    return true;
  }
  if (now - pair_awaited_since_ >= kPairWait + kPairRest) pair_awaited_since_ = now;
  return now - pair_awaited_since_ >= kPairWait;
}

void Lane::send_both(http::ExchangeId id, Shot& shot, bool with_second, Time now) {
  shot.stage = Stage::kFlying;
  ++flying_;
  queue_.pop_front();
  const http::Request& request = *shot.request;
  const std::optional<Time> due =
      shot.live ? std::optional(shot.exchange->request_last) : std::nullopt;
  const bool second_missing = shot.second_open && !with_second;
  Target& first = *first_;
  // The fair coin: whoever is always second sees the state the other left behind.
  const bool second_goes_first = with_second && (mix(id ^ 0xc01) & 1) != 0;
  if (second_goes_first) second_->send(request, id, &second_aliases_, due, now);
  first.send(request, id, &first_aliases_, due, now);
  if (with_second && !second_goes_first) second_->send(request, id, &second_aliases_, due, now);
  if (!second_missing) return;
  if (second_ && second_->probe(now) == Target::Admission::kOpen) {
    second_->count_untried(http::AnswerError::kCircuitOpen, now);
    return end_role(id, Role::kSecondary, failed_answer(http::AnswerError::kCircuitOpen));
  }
  if (second_) second_->count(http::Refused::kQueueFull);
  end_role(id, Role::kSecondary, http::Refused::kQueueFull);
}

void Lane::end_untried(http::ExchangeId id, http::AnswerError error, Time now) {
  first_->count_untried(error, now);
  const auto shot = shots_.find(id);
  const bool second = shot->second.second_open;
  const bool both = second_ && (second_->probe(now) == Target::Admission::kOpen ||
                                second_->probe(now) == Target::Admission::kDns);
  end_role(id, first_role_, failed_answer(error));
  // A second that could have answered did not fail: it is only not asked without the first.
  const TargetOutcome untried = http::NotComparable::kShuttingDown;
  if (second) end_role(id, Role::kSecondary, both ? failed_answer(error) : untried);
}

// All that is still open of it ends with that outcome, unsent.
void Lane::give_up(http::ExchangeId id, const TargetOutcome& outcome) {
  const auto found = shots_.find(id);
  if (found == shots_.end()) return;
  const Shot shot = found->second;
  for (Target* const target : {first_.get(), shot.second_open ? second_.get() : nullptr}) {
    if (target == nullptr) continue;
    if (const auto* refused = std::get_if<http::Refused>(&outcome)) target->count(*refused);
    if (std::holds_alternative<http::NotComparable>(outcome) ||
        std::holds_alternative<http::Skipped>(outcome)) {
      target->count_withdrawn();
    }
  }
  if (shot.first_open) end_role(id, first_role_, outcome);
  if (shot.second_open) end_role(id, Role::kSecondary, outcome);
}

void Lane::end_role(http::ExchangeId id, Role role, TargetOutcome outcome) {
  const auto found = shots_.find(id);
  if (found == shots_.end()) return;
  Shot& shot = found->second;
  (role == Role::kSecondary ? shot.second_open : shot.first_open) = false;
  owner_.deliver(id, role, std::move(outcome));
  if (shot.first_open || shot.second_open) return;
  if (shot.stage == Stage::kFlying) --flying_;
  shots_.erase(found);
  std::vector<http::ExchangeId> freed;
  gate_.ended(id, freed);
  enqueue(freed);
}

void Lane::target_answered(Target& target, http::ExchangeId id, http::Answer answer) {
  const Time now = Time::clock::now();
  if (const auto found = shots_.find(id); found != shots_.end()) {
    judge(target, id, found->second, answer);
  }
  if (answer.ok()) {
    const bool second = target.options().role == Role::kSecondary;
    note(id, second ? &HandedOutBy::second : &HandedOutBy::first, answer.response);
  }
  end_role(id, target.options().role, std::move(answer));
  if (!stopping_) pump(now);
  owner_.settled();
}

void Lane::target_withheld(Target& target, http::ExchangeId id, TargetOutcome outcome) {
  end_role(id, target.options().role, std::move(outcome));
}

void Lane::note(http::ExchangeId id, std::optional<HandedOut> HandedOutBy::*whose,
                const http::Response& response) {
  if (alias_rules_.empty()) return;
  HandedOut values = handed_out(response, alias_rules_);
  const bool any = std::any_of(values.begin(), values.end(), [](const auto& v) { return v; });
  if (!any) return;
  const auto [entry, fresh] = handed_out_.try_emplace(id);
  if (fresh) handed_out_by_age_.push_back(id);
  HandedOutBy& by = entry->second;
  by.*whose = std::move(values);
  if (by.original && by.first) first_aliases_.learn(*by.original, *by.first);
  if (by.original && by.second) second_aliases_.learn(*by.original, *by.second);
  if (handed_out_by_age_.size() <= kMaxServerErrors) return;
  handed_out_.erase(handed_out_by_age_.front());
  handed_out_by_age_.pop_front();
}

void Lane::judge(Target& target, http::ExchangeId id, const Shot& shot,
                 const http::Answer& answer) {
  if (!answer.ok() || answer.response.status < 500) return;
  const Time now = Time::clock::now();
  if (shot.original_status != 0 || server_errors_.size() >= kMaxServerErrors) {
    target.judge_server_error(shot.original_status >= 500, answer.to_last_byte, now);
    return;
  }
  server_errors_[{id, target.options().role}] = {answer.to_last_byte, now};
}

// What was kept for when the original is known; the target may be another by now, or none.
void Lane::judge_server_error(http::ExchangeId id, Role role, Target* target,
                              bool original_failed) {
  const auto found = server_errors_.find({id, role});
  if (found == server_errors_.end()) return;
  const ServerError error = found->second;
  server_errors_.erase(found);
  if (target != nullptr) target->judge_server_error(original_failed, error.latency, error.when);
}

void Lane::target_changed(Target&) {
  if (!stopping_) pump(Time::clock::now());
  owner_.settled();
}

void Lane::tick(Time now) {
  std::vector<http::ExchangeId> freed;
  gate_.expire(now, freed);
  enqueue(freed);
  if (first_) first_->sweep(now);
  if (second_) second_->sweep(now);
  for (const auto& target : retired_) target->sweep(now);
  std::erase_if(retired_, [](const auto& target) { return target->idle(); });
  drop_overdue(awaiting_by_age_, Stage::kAwaiting, Stage::kAwaiting, original_timeout_,
               http::NotComparable::kOriginalTimeout, now);
  if (first_) {
    drop_overdue(by_age_, Stage::kHeld, Stage::kQueued, first_->options().max_wait,
                 http::Refused::kStale, now);
  }
  pump(now);
}

void Lane::drop_overdue(std::deque<std::pair<Time, http::ExchangeId>>& ages, Stage first,
                        Stage last, Duration patience, const TargetOutcome& outcome, Time now) {
  while (!ages.empty()) {
    const auto [since, id] = ages.front();
    const auto found = shots_.find(id);
    const bool waits = found != shots_.end() && found->second.stage >= first &&
                       found->second.stage <= last && found->second.waiting_since == since;
    if (waits && now - since < patience) return;
    ages.pop_front();
    if (waits) give_up(id, outcome);
  }
}

void Lane::withdraw(const TargetOutcome& outcome) {
  std::vector<http::ExchangeId> waiting;
  for (const auto& [id, shot] : shots_) {
    if (shot.stage != Stage::kFlying) waiting.push_back(id);
  }
  for (const http::ExchangeId id : waiting) give_up(id, outcome);
}

void Lane::recall() {
  const TargetOutcome paused = http::Skipped::kPaused;
  withdraw(paused);
  if (first_) first_->recall(paused);
  if (second_) second_->recall(paused);
  for (const auto& target : retired_) target->recall(paused);
}

void Lane::stop() {
  stopping_ = true;
  withdraw(http::NotComparable::kShuttingDown);
  if (first_) first_->stop();
  if (second_) second_->stop();
  for (const auto& target : retired_) target->stop();
}

}  // namespace shadowtap::shadow
