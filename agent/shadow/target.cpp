#include "agent/shadow/target.h"

#include <algorithm>
#include <array>

#include "agent/shadow/redirect.h"
#include "agent/shadow/shared_limits.h"

namespace shadowtap::shadow {
namespace {

constexpr std::array<std::string_view, 6> kIdempotent{"GET", "HEAD",   "OPTIONS",
                                                      "PUT", "DELETE", "TRACE"};

bool idempotent(std::string_view method) {
  return std::find(kIdempotent.begin(), kIdempotent.end(), method) != kIdempotent.end();
}

WallTime wall(Time when, Time now) {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now()) +
         (when - now);
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
      url_(std::move(url)),
      outgoing_(std::move(outgoing)),
      limits_(limits_of(options, dispatch)),
      breaker_(options.breaker, Time::clock::now()),
      rate_(options.rate / around.context.shards),
      created_(Time::clock::now()) {}

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
  return busy_ < options_.concurrency ? options_.concurrency - busy_ : 0;
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
  if (!rate_.take(now) || (limits != nullptr && !limits->take(now))) {
    if (limits != nullptr) limits->leave();
    return Admission::kRate;
  }
  ++busy_;
  [[maybe_unused]] const bool admitted = breaker_.admit(now);
  return Admission::kNow;
}

bool Target::warm(Time now) {
  if (!idle_.empty() || open_failed_ || name_unknown()) return true;
  const bool opening =
      std::any_of(connections_.begin(), connections_.end(),
                  [](const auto& each) { return !each->is_open() && !each->has_flight(); });
  if (!opening && connections_.size() < options_.concurrency)
    open_connection(std::nullopt, now);
  return !idle_.empty() || open_failed_;
}

void Target::open_connection(std::optional<Flight> flight, Time now) {
  auto connection = std::make_shared<Connection>(
      around_.io, static_cast<Connection::Owner&>(*this), limits_, tls_);
  connections_.push_back(connection);
  opened_.add();
  if (flight) connection->send(std::move(*flight));
  connection->open(addresses(), next_address_++, now);
}

void Target::count_untried(http::AnswerError error, Time now) {
  errors_.add(error);
  if (error == http::AnswerError::kDns) breaker_.failed(now);
}

void Target::send(const http::Request& request, http::ExchangeId id,
                  const Substitution* aliases, Time now) {
  launch({id, request.method, outgoing_.compose(request, id, aliases)}, now);
}

void Target::launch(Flight flight, Time now) {
  // What must not be sent twice is worth a look first: nobody will try it again.
  const bool only_once = !idempotent(flight.method);
  while (only_once && !idle_.empty() && idle_.back()->hung_up()) {
    idle_.back()->close(http::AnswerError::kNone);
  }
  if (!idle_.empty() && !flight.retried) {
    Connection* const connection = idle_.back();
    idle_.pop_back();
    return connection->send(std::move(flight));
  }
  for (const auto& each : connections_) {
    if (!each->is_open() && !each->has_flight()) return each->send(std::move(flight));
  }
  open_connection(std::move(flight), now);
}

void Target::ready(Connection& connection) {
  open_failed_ = false;
  idle_.push_back(&connection);
  around_.owner.target_changed(*this);
}

void Target::gone(Connection& connection, http::AnswerError error) {
  std::erase(idle_, &connection);
  std::erase_if(connections_, [&](const auto& each) { return each.get() == &connection; });
  if (error == http::AnswerError::kNone) return;
  open_failed_ = true;
  if (!connection.has_flight()) around_.owner.target_changed(*this);
}

void Target::answered(Flight flight, http::Answer answer) {
  if (follow_redirect(flight, answer)) return launch(std::move(flight), Time::clock::now());
  finish(flight.id, std::move(answer));
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
  if (!target || !around_.owner.may_follow(flight.method, *target)) return false;
  flight.bytes = with_target(flight.bytes, *target);
  ++flight.redirects;
  return true;
}

void Target::stale(Flight flight) {
  if (flight.retried || !idempotent(flight.method) || stopped_) {
    http::Answer answer;
    answer.error = http::AnswerError::kReset;
    answer.reused_connection = true;
    return finish(flight.id, std::move(answer));
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
  if (options_.expires) status.expires = wall(created_ + *options_.expires, now);
  return status;
}

}  // namespace shadowtap::shadow
