// The part of ServiceDispatcher that deals with requests on their way through the
// middleware, and with those of which we keep our own form.
#include <utility>

#include "agent/shadow/raw_message.h"
#include "agent/shadow/service_dispatcher.h"

namespace shadowtap::shadow {

// What came back is a request like any other: it may have become one that must not be sent.
void ServiceDispatcher::passed(http::ExchangeId id, http::Request request) {
  const Depth depth(depth_);
  const auto found = offered_.find(id);
  if (found == offered_.end()) return;
  const bool may_go = std::holds_alternative<Send>(filter_.decide_changed(request));
  if (paused_ || sending_expired()) return withhold(id, http::Skipped::kPaused);
  if (!may_go) return withhold(id, http::NotComparable::kMiddleware);
  found->second.request = std::make_unique<http::Request>(std::move(request));
  hand_on(found->second, Time::clock::now());
}

// Targets may have come and gone meanwhile; answers are owed to those that were promised.
void ServiceDispatcher::hand_on(Offered& offered, Time now) {
  const http::Exchange& exchange = *offered.exchange;
  const http::Request& request = *offered.request;
  const auto through = [&](Lane& lane, bool second, bool in_order) {
    lane.accept(exchange, request, second, in_order, now);
    if (offered.original_over) lane.original_ended(exchange, offered.original_complete, now);
  };
  if (offered.candidate && compared_.first() != nullptr) {
    through(compared_, offered.second, offered.in_order);
  } else if (offered.candidate) {
    deliver(exchange.id, Role::kCandidate, http::NotComparable::kShuttingDown);
    if (offered.second)
      deliver(exchange.id, Role::kSecondary, http::NotComparable::kShuttingDown);
  }
  for (const std::string& name : offered.mirrors) {
    const auto lane = mirrors_.find(name);
    if (lane != mirrors_.end()) {
      through(*lane->second, false, true);
    } else {
      deliver(exchange.id, Role::kMirror, http::NotComparable::kShuttingDown);
    }
  }
}

void ServiceDispatcher::dropped(http::ExchangeId id) {
  const Depth depth(depth_);
  withhold(id, http::NotComparable::kMiddleware);
}

void ServiceDispatcher::withhold(http::ExchangeId id, const TargetOutcome& reason) {
  const auto found = offered_.find(id);
  if (found == offered_.end() || found->second.request) return;
  const Offered& offered = found->second;
  if (offered.candidate) deliver(id, Role::kCandidate, reason);
  if (offered.second) deliver(id, Role::kSecondary, reason);
  for (std::size_t i = 0; i < offered.mirrors.size(); ++i) deliver(id, Role::kMirror, reason);
}

void ServiceDispatcher::account(const Delivery& delivery) {
  const auto found = offered_.find(delivery.id);
  if (found == offered_.end()) return;
  const auto* answer = std::get_if<http::Answer>(&delivery.outcome);
  if (answer != nullptr && answer->ok() && delivery.role == Role::kCandidate) {
    found->second.answer = raw_bytes(answer->response);
    found->second.answer_latency = answer->to_first_byte;
    tell_answer(delivery.id, found->second);
  }
  --found->second.unanswered;
  forget_if_over(delivery.id);
}

void ServiceDispatcher::tell_answer(http::ExchangeId id, Offered& offered) {
  if (!offered.original_over || offered.answer.empty()) return;
  middleware_->tell_answer(id, offered.answer_latency, std::exchange(offered.answer, {}));
}

// The middleware is shown the original even where the targets were quicker.
void ServiceDispatcher::forget_if_over(http::ExchangeId id) {
  const auto found = offered_.find(id);
  if (found == offered_.end() || found->second.unanswered > 0) return;
  if (found->second.original_over) offered_.erase(found);
}

std::optional<MiddlewareStatus> ServiceDispatcher::middleware() const {
  if (!middleware_) return std::nullopt;
  return MiddlewareStatus{middleware_->running(), middleware_->starts(), middleware_->dropped(),
                          middleware_->untold()};
}

}  // namespace shadowtap::shadow
