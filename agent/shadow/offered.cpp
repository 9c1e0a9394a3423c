// The part of ServiceDispatcher that deals with requests on their way through the
// middleware, and with those of which we keep our own form.
#include <utility>

#include "agent/shadow/raw_message.h"
#include "agent/shadow/service_dispatcher.h"

namespace shadowtap::shadow {

void ServiceDispatcher::start_middleware() {
  if (dispatch_.middleware.empty()) return;
  Middleware::Limits limits;
  limits.timeout = dispatch_.middleware_timeout;
  middleware_ = std::make_unique<Middleware>(io_, static_cast<Middleware::Owner&>(*this),
                                             dispatch_.middleware, limits);
}

// What it has passed goes on; a later one is told nothing of it.
void ServiceDispatcher::end_middleware(Time now) {
  if (!middleware_) return;
  middleware_->leave(now);
  middleware_before_.starts += middleware_->starts();
  middleware_before_.dropped += middleware_->dropped();
  middleware_before_.untold += middleware_->untold();
  leaving_middleware_.push_back(std::move(middleware_));
  for (auto& [id, offered] : offered_) offered.shown = false;
}

// What came back is a request like any other: it may have become one that must not be sent.
void ServiceDispatcher::passed(http::ExchangeId id, http::Request request) {
  const Depth depth(depth_);
  const auto found = offered_.find(id);
  if (found == offered_.end()) return;
  const bool may_go = std::holds_alternative<Send>(filter_.decide_changed(request));
  if (!may_send()) return withhold(id, http::Skipped::kPaused);
  if (!may_go) {
    refused_changes_.add();
    return withhold(id, http::NotComparable::kMiddleware);
  }
  found->second.request = std::make_unique<http::Request>(std::move(request));
  hand_on(found->second, Time::clock::now());
}

// Targets may have come and gone meanwhile; answers are owed to those that were promised.
void ServiceDispatcher::hand_on(Offered& offered, Time now) {
  constexpr auto kGone = http::NotComparable::kShuttingDown;
  const http::Exchange& exchange = *offered.exchange;
  const http::Request& request = *offered.request;
  const auto through = [&](Lane& lane, bool second, bool in_order) {
    lane.accept(exchange, request, second, in_order, now);
    if (offered.original_over) lane.original_ended(exchange, offered.original_complete, now);
  };
  if (offered.candidate && compared_.first() != nullptr) {
    through(compared_, offered.second, offered.in_order);
  } else if (offered.candidate) {
    end_unsent(exchange.id, Role::kCandidate, nullptr, kGone);
    if (offered.second) end_unsent(exchange.id, Role::kSecondary, compared_.second(), kGone);
  }
  for (const std::string& name : offered.mirrors) {
    const auto lane = mirrors_.find(name);
    if (lane != mirrors_.end()) {
      through(*lane->second, false, true);
    } else {
      end_unsent(exchange.id, Role::kMirror, nullptr, kGone);
    }
  }
}

void ServiceDispatcher::dropped(http::ExchangeId id) {
  const Depth depth(depth_);
  withhold(id, http::NotComparable::kMiddleware);
}

// Once for each exchange: afterwards nothing is promised to anybody.
void ServiceDispatcher::withhold(http::ExchangeId id, const TargetOutcome& reason) {
  const auto found = offered_.find(id);
  if (found == offered_.end() || found->second.request) return;
  Offered& offered = found->second;
  if (std::exchange(offered.candidate, false)) {
    end_unsent(id, Role::kCandidate, compared_.first(), reason);
  }
  if (std::exchange(offered.second, false)) {
    end_unsent(id, Role::kSecondary, compared_.second(), reason);
  }
  for (const std::string& name : std::exchange(offered.mirrors, {})) {
    end_unsent(id, Role::kMirror, mirror(name), reason);
  }
}

// Counted on its target, if that is still there.
void ServiceDispatcher::end_unsent(http::ExchangeId id, Role role, Target* target,
                                   const TargetOutcome& reason) {
  if (target != nullptr) target->count_withdrawn();
  deliver(id, role, reason);
}

Target* ServiceDispatcher::mirror(const std::string& name) {
  const auto lane = mirrors_.find(name);
  return lane == mirrors_.end() ? nullptr : lane->second->first();
}

void ServiceDispatcher::account(const Delivery& delivery) {
  const auto found = offered_.find(delivery.id);
  if (found == offered_.end()) return;
  const auto* answer = std::get_if<http::Answer>(&delivery.outcome);
  const bool candidate = delivery.role == Role::kCandidate;
  if (found->second.shown && candidate && answer != nullptr && answer->ok()) {
    found->second.answer = raw_bytes(answer->response);
    found->second.answer_latency = answer->to_first_byte;
    tell_answer(delivery.id, found->second);
  }
  --found->second.unanswered;
  forget_if_over(delivery.id);
}

void ServiceDispatcher::tell_answer(http::ExchangeId id, Offered& offered) {
  if (!offered.shown || !offered.original_over || offered.answer.empty()) return;
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
  const MiddlewareStatus& before = middleware_before_;
  return MiddlewareStatus{middleware_->running(), before.starts + middleware_->starts(),
                          before.dropped + middleware_->dropped(),
                          before.untold + middleware_->untold(), refused_changes_.value()};
}

}  // namespace shadowtap::shadow
