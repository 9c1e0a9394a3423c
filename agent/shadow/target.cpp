#include "agent/shadow/target.h"

#include <algorithm>
#include <array>

#include "agent/shadow/overrides.h"
#include "agent/shadow/raw_message.h"
#include "agent/shadow/redirect.h"
#include "agent/shadow/shared_limits.h"

namespace shadowtap::shadow {
namespace {

constexpr std::array<std::string_view, 6> kIdempotent{"GET", "HEAD",   "OPTIONS",
                                                      "PUT", "DELETE", "TRACE"};

bool idempotent(std::string_view method) {
  return std::find(kIdempotent.begin(), kIdempotent.end(), method) != kIdempotent.end();
}

// Also by what a framework may take for its method.
bool idempotent(const http::Request& request) {
  if (!idempotent(request.method)) return false;
  const auto others = overriding_methods(request);
  return std::all_of(others.begin(), others.end(),
                     [](const std::string& method) { return idempotent(method); });
}

WallTime wall(Time when, Time now) {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now()) +
         (when - now);
}

// One shard's part of a limit over all of them.
std::size_t part_of(std::size_t limit, const ServiceContext& context) {
  const std::size_t left_over = context.shard < limit % context.shards ? 1 : 0;
  return std::max<std::size_t>(1, limit / context.shards + left_over);
}

ConnectionLimits limits_of(const TargetOptions& options, const DispatchOptions& dispatch) {
  ConnectionLimits limits;
  limits.connect_timeout = options.connect_timeout;
  limits.first_byte_timeout = options.first_byte_timeout;
  limits.timeout = options.timeout;
  limits.mark = dispatch.mark;
  limits.parser.max_body_bytes = options.max_answer_bytes;
  return limits;
}

}  // namespace

Result<std::unique_ptr<Target>> Target::create(const Surroundings& around,
                                               const TargetOptions& options,
                                               const DispatchOptions& dispatch) {
  auto url = TargetUrl::parse(options.url);
  if (!url) return url.error();
  auto outgoing = Outgoing::create(options, *url, dispatch.trace);
  if (!outgoing) return outgoing.error();
  std::unique_ptr<Target> target(
      new Target(around, options, dispatch, *url, std::move(*outgoing)));
  if (url->scheme == TargetUrl::Scheme::kHttps) {
    auto tls = TlsContext::create(options.tls, url->host);
    if (!tls) return tls.error();
    target->tls_ = *tls;
  }
  target->literal_ = url->scheme == TargetUrl::Scheme::kUnix
                         ? std::optional(unix_address(url->host))
                         : literal_address(url->host, url->port);
  if (target->literal_) return target;
  if (around.context.resolver == nullptr) {
    return plain_error("target '" + options.url + "': no resolver for names");
  }
  target->name_ =
      around.context.resolver->follow(url->host, url->port, options.resolve_interval);
  return target;
}

Target::Target(const Surroundings& around, const TargetOptions& options,
               const DispatchOptions& dispatch, TargetUrl url, Outgoing outgoing)
    : around_(around),
      options_(options),
      concurrency_(part_of(options.concurrency, around.context)),
      queue_limit_(part_of(options.queue, around.context)),
      url_(std::move(url)),
      outgoing_(std::move(outgoing)),
      limits_(limits_of(options, dispatch)),
      breaker_(options.breaker, Time::clock::now()),
      rate_(options.rate / around.context.shards),
      turns_(around.context.shard),
      created_(Time::clock::now()) {
  // Put before this process was there: what it has lived counts.
  if (options.put_at) created_ += *options.put_at - wall(created_, created_);
}

Target::~Target() {
  stop();
}

std::vector<SocketAddress> Target::addresses() const {
  if (literal_) return {*literal_};
  return name_->addresses()->list;
}

bool Target::name_unknown() const {
  return !literal_ && name_->addresses()->list.empty();
}

std::size_t Target::free_slots() const {
  return busy_ < concurrency_ ? concurrency_ - busy_ : 0;
}

bool Target::expired(Time now) const {
  return options_.expires && now - created_ >= *options_.expires;
}

Target::Admission Target::probe(Time now) const {
  if (stopped_ || !breaker_.would_admit(now)) return Admission::kOpen;
  if (free_slots() == 0) return Admission::kNoSlot;
  if (name_unknown()) {
    return name_->addresses()->answered ? Admission::kDns : Admission::kNoSlot;
  }
  return Admission::kNow;
}

Target::Admission Target::admit(Time now) {
  if (const Admission seen = probe(now); seen != Admission::kNow) return seen;
  SharedLimits* const limits = around_.context.limits;
  if (limits != nullptr && !limits->enter()) return Admission::kNoSlot;
  if (!take_rate(now)) {
    if (limits != nullptr) limits->leave();
    return Admission::kRate;
  }
  ++busy_;
  [[maybe_unused]] const bool admitted = breaker_.admit(now);
  return Admission::kNow;
}

// Its own, and the one over all targets.
bool Target::take_rate(Time now) {
  SharedLimits* const limits = around_.context.limits;
  return rate_.take(now) && (limits == nullptr || limits->take(now));
}

bool Target::is_service(const SocketAddress& address) {
  if (!around_.context.is_service) return false;
  const auto endpoint = address.endpoint();
  if (!endpoint || !around_.context.is_service(*endpoint)) return false;
  own_address_.add();
  return true;
}

bool Target::warm(Time now) {
  if (!idle_.empty() || open_failed_ || name_unknown()) return true;
  const bool opening =
      std::any_of(connections_.begin(), connections_.end(), [this](const auto& each) {
        return !each->is_open() && !each->has_flight() && each.get() != reaching_;
      });
  if (!opening && connections_.size() < concurrency_) {
    add_connection()->open(turns_.order(addresses(), now), now);
  }
  return !idle_.empty() || open_failed_;
}

std::shared_ptr<Connection> Target::add_connection() {
  opened_.add();
  return connections_.emplace_back(std::make_shared<Connection>(
      around_.readiness, static_cast<Connection::Owner&>(*this), limits_, tls_));
}

// The last one used; of a name with several addresses one to the address whose turn it is.
Connection* Target::take_idle(Time now) {
  if (idle_.empty()) return nullptr;
  auto chosen = idle_.end() - 1;
  if (const auto known = literal_ ? nullptr : name_->addresses(); known && known->list.size() > 1) {
    const SocketAddress& wanted = turns_.next(known->list);
    const auto there = std::find_if(idle_.begin(), idle_.end(), [&](const Connection* each) {
      return each->peer() == wanted;
    });
    if (there != idle_.end()) chosen = there;
    if (there == idle_.end()) reach(wanted, now);
  }
  Connection* const connection = *chosen;
  idle_.erase(chosen);
  return connection;
}

// Opens a connection to an address that has none, while requests go where they can.
void Target::reach(const SocketAddress& address, Time now) {
  const bool has_one =
      std::any_of(connections_.begin(), connections_.end(),
                  [&](const auto& each) { return each->peer() == address; });
  if (has_one || reaching_ != nullptr || turns_.avoided(address, now) ||
      connections_.size() >= std::max(concurrency_, addresses().size())) {
    return;
  }
  const auto connection = add_connection();
  reaching_ = connection.get();
  connection->open({address}, now);
}

void Target::count_untried(http::AnswerError error, Time now) {
  errors_.add(error);
  if (error == http::AnswerError::kDns) breaker_.failed(now);
}

void Target::send(const http::Request& request, http::ExchangeId id,
                  const Substitution* aliases, std::optional<Time> due, Time now) {
  const std::string target = outgoing_.target_of(request, aliases);
  const bool elsewhere = outgoing_.may_lead_elsewhere(aliases) && target != request.target;
  if (elsewhere && !around_.owner.may_become(target)) {
    withdrawn_.add();
    return withhold(id, http::Skipped::kPath);
  }
  launch({id, request.method, outgoing_.compose(request, target, id, aliases),
          !idempotent(request), due},
         now);
}

void Target::withhold(http::ExchangeId id, TargetOutcome outcome) {
  --busy_;
  if (around_.context.limits != nullptr) around_.context.limits->leave();
  around_.owner.target_withheld(*this, id, std::move(outcome));
}

void Target::launch(Flight flight, Time now) {
  Connection* idle = flight.retried ? nullptr : take_idle(now);
  // What must not be sent twice is worth a look first: nobody will try it again.
  while (flight.only_once && idle != nullptr && idle->hung_up()) {
    idle->close(http::AnswerError::kNone);
    idle = take_idle(now);
  }
  if (idle != nullptr) return idle->send(std::move(flight));
  for (const auto& each : connections_) {
    const bool spare = !each->is_open() && !each->has_flight() && each.get() != reaching_;
    if (spare) return each->send(std::move(flight));
  }
  const auto fresh = add_connection();
  fresh->send(std::move(flight));
  fresh->open(turns_.order(addresses(), now), now);
}

void Target::ready(Connection& connection) {
  open_failed_ = false;
  if (reaching_ == &connection) reaching_ = nullptr;
  idle_.push_back(&connection);
  around_.owner.target_changed(*this);
}

void Target::gone(Connection& connection, http::AnswerError error) {
  std::erase(idle_, &connection);
  std::erase_if(connections_, [&](const auto& each) { return each.get() == &connection; });
  const bool was_reaching = reaching_ == &connection;
  if (was_reaching) reaching_ = nullptr;
  if (error == http::AnswerError::kNone) return;
  turns_.unreachable(connection.peer(), Time::clock::now());
  if (was_reaching) return;
  open_failed_ = true;
  if (!connection.has_flight()) around_.owner.target_changed(*this);
}

void Target::answered(Flight flight, http::Answer answer) {
  // Times of a file are not the clock's: they lie in its future.
  const bool late = flight.due && answer.sent >= *flight.due;
  if (late && flight.redirects == 0) send_delay_.add(answer.sent - *flight.due);
  if (!follow_redirect(flight, answer)) return finish(flight.id, std::move(answer));
  const Time now = Time::clock::now();
  if (take_rate(now)) return launch(std::move(flight), now);
  // The answer is known, but not what was asked for: where it leads.
  judge(answer, now);
  refused_.add(http::Refused::kRate);
  withhold(flight.id, http::Refused::kRate);
  around_.owner.target_changed(*this);  // its slot is free
}

// Only of safe requests, at this target, and through the same decision as everything.
bool Target::follow_redirect(Flight& flight, const http::Answer& answer) {
  if (flight.redirects >= options_.follow_redirects || !answer.ok() || stopped_) return false;
  if (flight.method != "GET" && flight.method != "HEAD") return false;
  const std::string_view head(flight.bytes);
  const auto host_line = head.find("\r\nHost: ");
  std::string_view host;
  if (host_line != std::string_view::npos) {
    host = head.substr(host_line + 8, head.find("\r\n", host_line + 8) - host_line - 8);
  }
  const auto target =
      redirect_target(answer.response, target_in(flight.bytes), url_.authority(), host);
  if (!target) return false;
  std::string bytes = with_target(flight.bytes, *target);
  const auto request = parse_request(bytes);
  if (!request || !around_.owner.may_follow(*request)) return false;
  flight.bytes = std::move(bytes);
  ++flight.redirects;
  return true;
}

void Target::stale(Flight flight) {
  if (flight.retried || flight.only_once || stopped_) {
    http::Answer answer;
    answer.error = http::AnswerError::kReset;
    answer.reused_connection = true;
    return finish(flight.id, std::move(answer));
  }
  if (!around_.owner.may_send()) {
    withdrawn_.add();
    withhold(flight.id, http::Skipped::kPaused);
    return around_.owner.target_changed(*this);  // its slot is free
  }
  flight.retried = true;
  retried_.add();
  launch(std::move(flight), Time::clock::now());
}

void Target::finish(http::ExchangeId id, http::Answer answer) {
  --busy_;
  if (around_.context.limits != nullptr) around_.context.limits->leave();
  if (answer.ok()) {
    answered_.add();
  } else {
    errors_.add(answer.error);
  }
  judge(answer, Time::clock::now());
  if (options_.role == Role::kMirror) answer.response.body.bytes.clear();
  around_.owner.target_answered(*this, id, std::move(answer));
}

// A 5xx waits for the original's status: judge_server_error().
void Target::judge(const http::Answer& answer, Time now) {
  if (!answer.ok()) return breaker_.failed(now);
  if (answer.response.status < 500) breaker_.succeeded(answer.to_last_byte, now);
}

void Target::judge_server_error(bool original_failed_too, Duration latency, Time now) {
  if (original_failed_too) return breaker_.succeeded(latency, now);
  breaker_.failed(now);
}

void Target::sweep(Time now) {
  const auto snapshot = connections_;
  for (const auto& connection : snapshot) connection->overdue(now);
  if (now < next_upkeep_) return;
  next_upkeep_ = now + std::chrono::seconds(1);
  close_outdated(now);
}

void Target::close_outdated(Time now) {
  const std::vector<SocketAddress> current = addresses();
  const auto snapshot = idle_;
  for (Connection* connection : snapshot) {
    const bool listed =
        std::find(current.begin(), current.end(), connection->peer()) != current.end();
    if (listed && now - connection->idle_since() < options_.idle_timeout &&
        now - connection->opened_at() < options_.max_age) {
      continue;
    }
    connection->close(http::AnswerError::kNone);
  }
}

void Target::recall(const TargetOutcome& outcome) {
  const auto snapshot = connections_;
  for (const auto& connection : snapshot) {
    const std::optional<Flight> flight = connection->withdraw();
    if (!flight) continue;
    withdrawn_.add();
    withhold(flight->id, outcome);
  }
}

void Target::stop() {
  stopped_ = true;
  const auto snapshot = connections_;
  for (const auto& connection : snapshot) connection->close(http::AnswerError::kReset);
}

TargetStatus Target::status(Time now) const {
  TargetStatus status{};
  status.role = options_.role;
  status.name = options_.name;
  status.url = options_.url;
  status.state = breaker_.state();
  status.since = wall(breaker_.since(), now);
  if (status.state == TargetState::kOpen) status.next_probe = wall(breaker_.next_probe(), now);
  status.insecure = options_.tls.insecure && url_.scheme == TargetUrl::Scheme::kHttps;
  status.answered = answered_.value();
  for (std::size_t i = 0; i < static_cast<std::size_t>(http::AnswerError::kCount_); ++i) {
    status.errors[i] = errors_.value(static_cast<http::AnswerError>(i));
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(http::Refused::kCount_); ++i) {
    status.refused[i] = refused_.value(static_cast<http::Refused>(i));
  }
  status.connections_opened = opened_.value();
  status.in_flight = busy_;
  status.retried = retried_.value();
  status.mark_failures = mark_failures_.value();
  status.withdrawn = withdrawn_.value();
  status.own_address = own_address_.value();
  status.send_delay = send_delay_;
  if (options_.expires) status.expires = wall(created_ + *options_.expires, now);
  return status;
}

}  // namespace shadowtap::shadow
