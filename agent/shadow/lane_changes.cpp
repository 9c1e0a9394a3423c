// The part of Lane that takes other options while requests are on their way.
#include <algorithm>
#include <utility>

#include "agent/shadow/lane.h"

namespace shadowtap::shadow {

void Lane::set(const DispatchOptions& dispatch, Time now) {
  original_timeout_ = dispatch.original_timeout;
  for (Target* target : {first_.get(), second_.get()}) {
    if (target != nullptr) target->set_trace(dispatch.trace);
  }
  set_aliases(dispatch.aliases);
  set_order(dispatch.order, dispatch.order_wait, now);
  set_send(dispatch.send, now);
  pump(now);
}

// Who came first enters first, as they did before. What is queued has not gone: under the
// new order it may have to wait, unless it has waited for long enough.
void Lane::set_order(Order order, Duration order_wait, Time now) {
  if (gate_.order() == order && gate_.order_wait() == order_wait) return;
  std::vector<std::pair<Time, http::ExchangeId>> entered;
  for (const auto& [id, shot] : shots_) {
    if (shot.in_order && shot.stage != Stage::kAwaiting) entered.emplace_back(shot.waiting_since, id);
  }
  std::sort(entered.begin(), entered.end());
  gate_.begin_anew(order, order_wait);
  for (const auto& [since, id] : entered) {
    Shot& shot = shots_.at(id);
    const http::Exchange& exchange = *shot.exchange;
    const bool was_queued = shot.stage == Stage::kQueued;
    if (shot.stage == Stage::kFlying || (was_queued && now - since >= order_wait)) {
      gate_.enter_gone(id, exchange.connection, exchange.request_first);
    } else if (!gate_.enter(id, exchange.connection, exchange.request_first, since)) {
      shot.stage = Stage::kHeld;
    } else if (!was_queued) {
      enqueue({id});
    }
    if (exchange.original) gate_.original_ended(id, exchange.response_last);
  }
  // Else what is held now would stand there twice, once it is freed.
  std::erase_if(queue_, [this](http::ExchangeId id) {
    const auto found = shots_.find(id);
    return found == shots_.end() || found->second.stage != Stage::kQueued;
  });
}

// What waits for its original needs to no more, if requests are sent as they come.
void Lane::set_send(SendOn send, Time now) {
  if (std::exchange(send_on_, send) == send || send != SendOn::kRequest) return;
  for (const auto& [since, id] : std::exchange(awaiting_by_age_, {})) {
    const auto found = shots_.find(id);
    if (found == shots_.end() || found->second.stage != Stage::kAwaiting) continue;
    enter(id, found->second, now);
  }
}

// What was handed out and waits for its counterpart is kept by the places of the rules.
void Lane::set_aliases(const std::vector<SessionAlias>& rules) {
  if (rules == alias_rules_) return;
  std::vector<std::optional<std::size_t>> was(rules.size());  // the place of each before
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto known = std::find(alias_rules_.begin(), alias_rules_.end(), rules[i]);
    if (known != alias_rules_.end()) was[i] = static_cast<std::size_t>(known - alias_rules_.begin());
  }
  const auto moved = [&was](std::optional<HandedOut>& values) {
    if (!values) return;
    HandedOut now(was.size());
    for (std::size_t i = 0; i < was.size(); ++i) {
      if (was[i]) now[i] = (*values)[*was[i]];
    }
    values = std::move(now);
  };
  for (auto& [id, by] : handed_out_) {
    for (auto* values : {&by.original, &by.first, &by.second}) moved(*values);
  }
  const bool all_stay = std::all_of(alias_rules_.begin(), alias_rules_.end(), [&](const auto& rule) {
    return std::find(rules.begin(), rules.end(), rule) != rules.end();
  });
  alias_rules_ = rules;
  if (all_stay) return;
  first_aliases_ = AliasTable(alias_rules_);
  second_aliases_ = AliasTable(alias_rules_);
}

}  // namespace shadowtap::shadow
