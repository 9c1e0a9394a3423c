#include "agent/shadow/service_dispatcher.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace shadowtap::shadow {
namespace {

constexpr std::size_t kReadBuffer = 64 << 10;

}  // namespace

ServiceDispatcher::ServiceDispatcher(boost::asio::io_context& io, ServiceContext context,
                                     SelectOptions select, DispatchOptions dispatch,
                                     Filter filter, AnswerSink& sink)
    : io_(io),
      context_(std::move(context)),
      select_(std::move(select)),
      dispatch_(std::move(dispatch)),
      filter_(std::move(filter)),
      sink_(sink),
      readiness_(io),
      read_buffer_(kReadBuffer),
      compared_(*this, Role::kCandidate, dispatch_),
      started_(Time::clock::now()),
      now_(started_) {
  if (select_.ramp) ramp_.emplace(*select_.ramp);
  if (dispatch_.expires_since) {
    started_ -= WallTime(std::chrono::system_clock::now()) - *dispatch_.expires_since;
  }
  start_middleware();
}

// Without stop() before: nobody is told any more.
ServiceDispatcher::~ServiceDispatcher() {
  *alive_ = false;
  end_lanes();
}

namespace {

// Nothing, if the decision lets it pass.
std::optional<Submitted> turned_away(const Decision& decision) {
  Submitted submitted;
  if (const auto* skipped = std::get_if<http::Skipped>(&decision)) submitted.skipped = *skipped;
  if (const auto* refused = std::get_if<http::Refused>(&decision)) submitted.refused = *refused;
  if (std::holds_alternative<Send>(decision)) return std::nullopt;
  return submitted;
}

Submitted selected_but(http::Skipped reason) {
  Submitted submitted;
  submitted.skipped = reason;
  submitted.selected = true;
  return submitted;
}

}  // namespace

Submitted ServiceDispatcher::submit(const http::Exchange& exchange) {
  const Time now = Time::clock::now();
  const double percent = ramp_ ? ramp_->percent() : select_.sample;
  if (const auto away = turned_away(filter_.decide(exchange, percent, now))) return *away;
  if (!has_targets()) return selected_but(http::Skipped::kNoCandidate);
  if (const auto reason = held_back(exchange.id, now)) return selected_but(*reason);
  return send(exchange, Reach::kAll, now);
}

Submitted ServiceDispatcher::resend(const http::Exchange& exchange) {
  if (const auto away = turned_away(filter_.decide_resend(exchange.request))) return *away;
  if (compared_.first() == nullptr) return selected_but(http::Skipped::kNoCandidate);
  if (stopped_ || paused_ || sending_expired()) return selected_but(http::Skipped::kPaused);
  return send(exchange, Reach::kCompared, Time::clock::now());
}

Submitted ServiceDispatcher::repeat(const http::Exchange& exchange) {
  const Time now = Time::clock::now();
  if (const auto away = turned_away(filter_.decide_repeat(exchange.request, now))) return *away;
  if (compared_.first() == nullptr) return selected_but(http::Skipped::kNoCandidate);
  if (const auto reason = held_back(exchange.id, now)) return selected_but(*reason);
  return send(exchange, Reach::kCandidate, now);
}

// What keeps a selected request from being sent just now.
std::optional<http::Skipped> ServiceDispatcher::held_back(http::ExchangeId id, Time now) const {
  if (stopped_ || paused_ || sending_expired()) return http::Skipped::kPaused;
  if (context_.health == nullptr) return std::nullopt;
  if (context_.health->phase(now).off) return http::Skipped::kPaused;
  if (!context_.health->admits(id)) return http::Skipped::kGuard;
  return std::nullopt;
}

Submitted ServiceDispatcher::send(const http::Exchange& exchange, Reach reach, Time now) {
  const Depth depth(depth_);
  const bool in_order = reach == Reach::kAll;
  Submitted submitted;
  submitted.selected = true;
  submitted.candidate = compared_.first() != nullptr;
  submitted.secondary = submitted.candidate && compared_.second() != nullptr && reach != Reach::kCandidate;
  if (!submitted.candidate) submitted.skipped = http::Skipped::kNoCandidate;
  if (in_order) submitted.mirrors = static_cast<std::uint16_t>(mirrors_.size());
  if (submitted.answers() == 0) return submitted;
  if (!middleware_ && submitted.candidate) {
    accept(exchange, exchange.request, submitted, in_order, now);
    return submitted;
  }
  Offered& offered = offered_[exchange.id];
  offered.exchange = &exchange;
  offered.in_order = in_order;
  offered.original_over = !in_order;  // nobody will tell of a re-send's original
  offered.original_complete = exchange.original.has_value();
  offered.candidate = submitted.candidate;
  offered.second = submitted.secondary;
  offered.unanswered = submitted.answers();
  if (in_order) {
    for (const auto& [name, lane] : mirrors_) offered.mirrors.push_back(name);
  }
  if (middleware_) {
    offered.shown = true;
    middleware_->offer(exchange);
    return submitted;
  }
  // The ledger is done with an exchange that no candidate gets, and may drop its body.
  offered.original_over = true;
  offered.request = std::make_unique<http::Request>(exchange.request);
  accept(exchange, *offered.request, submitted, in_order, now);
  return submitted;
}

void ServiceDispatcher::accept(const http::Exchange& exchange, const http::Request& request,
                               const Submitted& submitted, bool in_order, Time now) {
  if (submitted.candidate) {
    compared_.accept(exchange, request, submitted.secondary, in_order, now);
  }
  if (submitted.mirrors == 0) return;
  for (const auto& [name, lane] : mirrors_) lane->accept(exchange, request, false, true, now);
}

void ServiceDispatcher::original_ended(const http::Exchange& exchange, bool complete) {
  const Depth depth(depth_);
  const Time now = Time::clock::now();
  if (const auto found = offered_.find(exchange.id); found != offered_.end()) {
    found->second.original_over = true;
    found->second.original_complete = complete;
    if (found->second.shown) middleware_->tell_original(exchange);
    tell_answer(exchange.id, found->second);
    forget_if_over(exchange.id);
  }
  compared_.original_ended(exchange, complete, now);
  for (const auto& [name, lane] : mirrors_) lane->original_ended(exchange, complete, now);
}

void ServiceDispatcher::observe(Duration latency, int status, Time now) {
  if (context_.health == nullptr) return;
  const bool sending = has_targets() && !paused_ && !stopped_ && !sending_expired() &&
                       context_.health->share() > 0;
  context_.health->observe(context_.shard, latency, status >= 500, sending, now);
}

void ServiceDispatcher::observe_trouble(std::uint64_t trouble, std::uint64_t all) {
  if (ramp_) ramp_->observe(trouble, all);
}

void ServiceDispatcher::tick(Time now) {
  now_ = now;
  if (ramp_) ramp_->tick(now);
  {
    const Depth depth(depth_);
    remove_expired(now);
    if (sending_expired()) recall_all();
    if (middleware_) middleware_->tick(now);
    for (const auto& middleware : leaving_middleware_) middleware->tick(now);
    std::erase_if(leaving_middleware_, [](const auto& middleware) { return middleware->left(); });
    compared_.tick(now);
    for (const auto& [name, lane] : mirrors_) lane->tick(now);
    for (const auto& lane : leaving_) lane->tick(now);
    std::erase_if(leaving_, [](const auto& lane) { return lane->idle(); });
  }
  flush();
}

bool ServiceDispatcher::awaits_answers() const {
  return compared_.awaits_answers() ||
         std::any_of(mirrors_.begin(), mirrors_.end(),
                     [](const auto& named) { return named.second->awaits_answers(); });
}

void ServiceDispatcher::remove_expired(Time now) {
  std::vector<std::pair<Role, std::string>> over;
  for (const Target* target : {compared_.first(), compared_.second()}) {
    if (target != nullptr && target->expired(now)) over.push_back({target->options().role, ""});
  }
  for (const auto& [name, lane] : mirrors_) {
    if (lane->first()->expired(now)) over.push_back({Role::kMirror, name});
  }
  for (const auto& [role, name] : over) remove_target(role, name);
}

// The panic button: what has not begun to leave is not sent any more either.
void ServiceDispatcher::set_paused(bool paused) {
  const Depth depth(depth_);
  paused_ = paused;
  if (!paused) return;
  recall_all();
}

void ServiceDispatcher::recall_all() {
  compared_.recall();
  for (const auto& [name, lane] : mirrors_) lane->recall();
  for (const auto& lane : leaving_) lane->recall();
}

Result<> ServiceDispatcher::apply(const SelectOptions& select) {
  auto filter = Filter::create(select, share());
  if (!filter) return filter.error();
  filter_ = std::move(*filter);
  const bool same_ramp = select_.ramp == select.ramp;  // then it goes on where it is
  select_ = select;
  if (same_ramp) return {};
  ramp_.reset();
  if (select_.ramp) ramp_.emplace(*select_.ramp);
  return {};
}

void ServiceDispatcher::apply(const DispatchOptions& dispatch) {
  const Depth depth(depth_);
  const Time now = Time::clock::now();
  const DispatchOptions before = std::exchange(dispatch_, dispatch);
  dispatch_.mark = before.mark;
  if (dispatch_.expires != before.expires) started_ = now;
  compared_.set(dispatch_, now);
  for (const auto& [name, lane] : mirrors_) lane->set(dispatch_, now);
  for (const auto& lane : leaving_) lane->set(dispatch_, now);
  if (dispatch_.middleware == before.middleware) return;
  end_middleware(now);
  start_middleware();
}

Result<> ServiceDispatcher::put_target(const TargetOptions& options) {
  const Depth depth(depth_);
  const bool mirror = options.role == Role::kMirror;
  std::unique_ptr<Lane> fresh;
  Lane* lane = &compared_;
  if (mirror) {
    const auto found = mirrors_.find(options.name);
    Lane::Owner& owner = *this;
    if (found == mirrors_.end())
      fresh = std::make_unique<Lane>(owner, Role::kMirror, dispatch_);
    lane = fresh ? fresh.get() : found->second.get();
  }
  auto target = Target::create({readiness_, *lane, context_, read_buffer_}, options, dispatch_);
  if (!target) return target.error();
  if (options.role == Role::kSecondary) {
    lane->set_second(std::move(*target));
  } else {
    lane->set_first(std::move(*target));
  }
  if (fresh) mirrors_[options.name] = std::move(fresh);
  return {};
}

bool ServiceDispatcher::remove_target(Role role, const std::string& name) {
  const Depth depth(depth_);
  flush_later();
  if (role == Role::kMirror) {
    const auto found = mirrors_.find(name);
    if (found == mirrors_.end()) return false;
    found->second->set_first(nullptr);
    leaving_.push_back(std::move(found->second));
    mirrors_.erase(found);
    return true;
  }
  const bool candidate = role == Role::kCandidate;
  if ((candidate ? compared_.first() : compared_.second()) == nullptr) return false;
  if (candidate) {
    compared_.set_first(nullptr);
  } else {
    compared_.set_second(nullptr);
  }
  return true;
}

std::vector<TargetStatus> ServiceDispatcher::status() const {
  const Time now = Time::clock::now();
  std::vector<TargetStatus> all;
  const auto add = [&](const Lane& lane, const Target* target) {
    if (target == nullptr) return;
    all.push_back(target->status(now));
    all.back().queued = lane.waiting();
    all.back().order_waits_cut = lane.cut_waits();
  };
  add(compared_, compared_.first());
  add(compared_, compared_.second());
  for (const auto& [name, lane] : mirrors_) add(*lane, lane->first());
  return all;
}

double ServiceDispatcher::effective_sample() const {
  const double percent = ramp_ ? ramp_->percent() : select_.sample;
  return context_.health == nullptr ? percent : percent * context_.health->share();
}

bool ServiceDispatcher::sending_expired() const {
  return dispatch_.expires && now_ - started_ >= *dispatch_.expires;
}

void ServiceDispatcher::deliver(http::ExchangeId id, Role role, TargetOutcome outcome) {
  deliveries_.push_back({id, role, std::move(outcome)});
  if (depth_ > 0) flush_later();
}

void ServiceDispatcher::settled() {
  if (depth_ == 0) flush();
}

bool ServiceDispatcher::may_follow(const http::Request& request) {
  return may_send() && filter_.may_follow(request);
}

void ServiceDispatcher::flush_later() {
  if (std::exchange(flush_posted_, true)) return;
  boost::asio::post(io_, [this, alive = alive_] {
    if (!*alive) return;
    flush_posted_ = false;
    flush();
  });
}

// The sink may submit again from within.
void ServiceDispatcher::flush() {
  if (std::exchange(flushing_, true)) return;
  while (!deliveries_.empty()) {
    Delivery next = std::move(deliveries_.front());
    deliveries_.pop_front();
    account(next);
    sink_.answered(next.id, next.role, std::move(next.outcome));
  }
  flushing_ = false;
}

void ServiceDispatcher::stop() {
  end_lanes();
  flush();
}

void ServiceDispatcher::end_lanes() {
  stopped_ = true;
  const Depth depth(depth_);
  std::vector<http::ExchangeId> offered;
  for (const auto& [id, entry] : offered_) offered.push_back(id);
  for (const http::ExchangeId id : offered) withhold(id, http::NotComparable::kShuttingDown);
  compared_.stop();
  for (const auto& [name, lane] : mirrors_) lane->stop();
  for (const auto& lane : leaving_) lane->stop();
}

}  // namespace shadowtap::shadow
