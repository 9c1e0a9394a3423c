#include "agent/shadow/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace shadowtap::shadow {
namespace {

constexpr Duration kRoundTripKept = std::chrono::milliseconds(100);

Time clock_now() {
  return Time::clock::now();
}

}  // namespace

Connection::Connection(Readiness& readiness, Owner& owner, const ConnectionLimits& limits,
                       std::shared_ptr<TlsContext> tls)
    : readiness_(readiness),
      owner_(&owner),
      limits_(limits),
      tls_(std::move(tls)),
      parser_(limits.parser) {}

Connection::~Connection() {
  close_socket();
}

void Connection::open(std::vector<SocketAddress> addresses, Time now) {
  addresses_ = std::move(addresses);
  opening_since_ = now;
  try_next_address(now);
}

void Connection::try_next_address(Time now) {
  close_socket();
  if (next_address_ == addresses_.size()) return close(http::AnswerError::kConnect);
  peer_ = addresses_[next_address_++];
  trying_since_ = now;
  if (!leads_to_service() && start_connecting()) return;
  // Later, because our owner's owner is amid sending.
  readiness_.later([self = shared_from_this(), attempt = next_address_] {
    const bool current = attempt == self->next_address_;
    if (current && self->state_ == State::kConnecting) self->try_next_address(clock_now());
  });
}

// Also asked once it is connected: who listens there may have changed meanwhile.
bool Connection::leads_to_service() { return owner_ != nullptr && owner_->is_service(peer_); }

bool Connection::start_connecting() {
  const bool tcp = peer_.family() != AF_UNIX;
  socket_.reset(::socket(peer_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) return false;
  const int one = 1;
  if (tcp) {
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
  }
  if (tcp && limits_.mark != 0 &&
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_MARK, &limits_.mark, sizeof limits_.mark) != 0 &&
      owner_ != nullptr) {
    owner_->mark_failed();
  }
  const auto* address = reinterpret_cast<const sockaddr*>(&peer_.storage);
  const bool started =
      ::connect(socket_.get(), address, static_cast<socklen_t>(peer_.size)) == 0 ||
      errno == EINPROGRESS;
  waiting_to_write_ = true;
  return started && readiness_.add(socket_.get(), *this, waiting_to_write_);
}

void Connection::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0 || leads_to_service()) return try_next_address(clock_now());
  wait_to_write(false);
  wire_.attach(socket_.get(), tls_.get());
  if (!tls_) return become_ready();
  state_ = State::kShaking;
  shake();
}

void Connection::shake() {
  const Wire::Io outcome = wire_.handshake();
  if (outcome == Wire::Io::kDone) {
    wait_to_write(false);
    return become_ready();
  }
  if (outcome == Wire::Io::kClosed || outcome == Wire::Io::kFailed) {
    return close(http::AnswerError::kTls);
  }
  wait_to_write(outcome == Wire::Io::kWantWrite);
}

void Connection::become_ready() {
  state_ = State::kReady;
  opened_at_ = idle_since_ = clock_now();
  if (flight_) {
    start_flight();
  } else if (owner_ != nullptr) {
    owner_->ready(*this);
  }
}

void Connection::send(Flight flight) {
  flight_ = std::move(flight);
  if (state_ == State::kReady) start_flight();
}

void Connection::start_flight() {
  state_ = State::kBusy;
  parser_.start(flight_->method);
  answer_ = {};
  answer_.reused_connection = used_;
  answer_.sent = clock_now();
  written_ = {};
  unsent_ = flight_->bytes;
  flush();
}

void Connection::flush() {
  const Wire::Io outcome = wire_.write(unsent_);
  wait_to_write(outcome == Wire::Io::kWantWrite);
  if (outcome == Wire::Io::kWantRead || outcome == Wire::Io::kWantWrite) return;
  // If it hung up, it may have answered before (413, 401): the read side says what it was.
  unsent_ = {};
  written_ = clock_now();
}

void Connection::wait_to_write(bool waiting) {
  if (std::exchange(waiting_to_write_, waiting) == waiting) return;
  readiness_.change(socket_.get(), *this, waiting);
}

void Connection::ready(bool to_read, bool to_write) {
  const auto self = shared_from_this();
  if (state_ == State::kConnecting) return on_connected();
  if (state_ == State::kShaking) return shake();
  // Asked for again by whoever still waits: TLS may want to write in order to read.
  if (to_write) wait_to_write(false);
  if (to_write && state_ == State::kBusy && !unsent_.empty()) flush();
  if (to_read || to_write) read();
}

// Until nothing is left or the answer is complete; a FIN behind it is told again.
void Connection::read() {
  while (is_open()) {
    std::size_t size = 0;
    const std::span<char> buffer = owner_->read_buffer();
    const Wire::Io outcome = wire_.read(buffer, size);
    if (outcome == Wire::Io::kWantRead) break;
    if (outcome == Wire::Io::kWantWrite) {
      wait_to_write(true);
      break;
    }
    if (state_ == State::kReady) return close(http::AnswerError::kNone);
    if (outcome != Wire::Io::kDone) return on_end();
    on_bytes({buffer.data(), size}, clock_now() - wire_.waited());
    if (state_ == State::kReady || (state_ == State::kBusy && !parser_.begun())) break;
  }
  // TLS may have had to read before it could write.
  if (state_ == State::kBusy && !unsent_.empty()) flush();
}

void Connection::on_bytes(std::string_view bytes, Time arrived) {
  const http::ResponseParser::Progress progress = parser_.feed(bytes);
  const bool began = answer_.to_first_byte == Duration{} && parser_.final_begun();
  if (began) answer_.to_first_byte = since_written(arrived);
  if (progress.state == http::ResponseParser::State::kProtocolError) {
    return close(http::AnswerError::kProtocol);
  }
  if (progress.state != http::ResponseParser::State::kComplete) return;
  answer_.to_last_byte = since_written(arrived);
  complete(progress.consumed < bytes.size(), arrived);
}

// At least 1 ns: 0 means that it did not happen. An answer may overtake the request.
Duration Connection::since_written(Time now) const {
  return std::max(now - (written_ == Time{} ? now : written_), Duration(1));
}

void Connection::on_end() {
  if (!parser_.begun() && used_ && owner_ != nullptr) {
    Flight flight = *std::exchange(flight_, std::nullopt);
    Owner* owner = owner_;
    close(http::AnswerError::kNone);
    return owner->stale(std::move(flight));
  }
  if (!parser_.begun() || parser_.finish() != http::ResponseParser::State::kComplete) {
    return close(http::AnswerError::kReset);
  }
  const Time now = clock_now();
  answer_.to_last_byte = since_written(now);
  complete(true, now);
}

void Connection::complete(bool more_bytes, Time now) {
  Owner* owner = owner_;
  const auto self = shared_from_this();
  const bool reusable =
      parser_.reusable() && !parser_.upgraded() && !more_bytes && unsent_.empty();
  answer_.response = parser_.take();
  answer_.round_trip = round_trip(now);
  Flight flight = *std::exchange(flight_, std::nullopt);
  http::Answer answer = std::exchange(answer_, {});
  used_ = true;
  idle_since_ = now;
  if (reusable) {
    state_ = State::kReady;
    owner->ready(*this);
  } else {
    close(http::AnswerError::kNone);
  }
  owner->answered(std::move(flight), std::move(answer));
}

// The kernel's smoothed value; it moves slowly, so not asked at every answer.
Duration Connection::round_trip(Time now) {
  if (peer_.family() == AF_UNIX) return Duration{};
  if (round_trip_ != Duration{} && now - round_trip_read_ < kRoundTripKept) {
    return round_trip_;
  }
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket_.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0) {
    round_trip_ = std::chrono::microseconds(info.tcpi_rtt);
  }
  round_trip_read_ = now;
  return round_trip_;
}

bool Connection::hung_up() {
  char byte = 0;
  const ssize_t got = ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN);
}

// One address that swallows everything must not use up the time of the others.
void Connection::try_another_address(Time now) {
  if (state_ != State::kConnecting || next_address_ == addresses_.size()) return;
  const auto part = limits_.connect_timeout / static_cast<std::int64_t>(addresses_.size());
  if (now - trying_since_ >= part) try_next_address(now);
}

bool Connection::overdue(Time now) {
  if (state_ == State::kConnecting || state_ == State::kShaking) {
    if (now - opening_since_ < limits_.connect_timeout) {
      try_another_address(now);
      return false;
    }
    close(state_ == State::kShaking ? http::AnswerError::kTls : http::AnswerError::kConnect);
    return true;
  }
  if (state_ != State::kBusy) return false;
  const bool no_byte = answer_.to_first_byte == Duration{};
  const Time first_byte_from = written_ == Time{} ? answer_.sent : written_;
  if (now - answer_.sent < limits_.timeout &&
      !(no_byte && now - first_byte_from >= limits_.first_byte_timeout)) {
    return false;
  }
  close(http::AnswerError::kTimeout);
  return true;
}

void Connection::close(http::AnswerError error) {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this();
  const bool opened = is_open();
  state_ = State::kClosed;
  close_socket();
  Owner* owner = std::exchange(owner_, nullptr);
  if (owner == nullptr) return;
  std::optional<Flight> flight = std::exchange(flight_, std::nullopt);
  owner->gone(*this, opened ? http::AnswerError::kNone : error);
  if (!flight) return;
  answer_.error = error == http::AnswerError::kNone ? http::AnswerError::kReset : error;
  answer_.response = {};
  owner->answered(std::move(*flight), std::move(answer_));
}

std::optional<Flight> Connection::withdraw() {
  if (!flight_) return std::nullopt;
  const bool begun = state_ == State::kBusy && unsent_.size() < flight_->bytes.size();
  if (begun) return std::nullopt;
  const auto self = shared_from_this();
  unsent_ = {};
  std::optional<Flight> flight = std::exchange(flight_, std::nullopt);
  close(http::AnswerError::kNone);
  return flight;
}

void Connection::abandon() {
  owner_ = nullptr;
  close(http::AnswerError::kNone);
}

void Connection::close_socket() {
  wire_.detach();
  if (!socket_) return;
  readiness_.remove(socket_.get(), *this);
  socket_.reset();
}

}  // namespace shadowtap::shadow
