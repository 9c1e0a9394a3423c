#include "agent/shadow/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace shadowtap::shadow {
namespace {

using boost::asio::generic::stream_protocol;

Time clock_now() {
  return Time::clock::now();
}

}  // namespace

Connection::Connection(boost::asio::io_context& io, Owner& owner,
                       const ConnectionLimits& limits, std::shared_ptr<TlsContext> tls)
    : socket_(io),
      owner_(&owner),
      limits_(limits),
      tls_(std::move(tls)),
      parser_(limits.parser) {}

void Connection::open(std::vector<SocketAddress> addresses, Time now) {
  addresses_ = std::move(addresses);
  opening_since_ = now;
  try_next_address(now);
}

void Connection::try_next_address(Time now) {
  if (next_address_ == addresses_.size()) return close(http::AnswerError::kConnect);
  peer_ = addresses_[next_address_++];
  trying_since_ = now;
  boost::system::error_code error;
  socket_.close(error);
  const bool tcp = peer_.family() != AF_UNIX;
  socket_.open(stream_protocol(peer_.family(), tcp ? IPPROTO_TCP : 0), error);
  if (error) return close(http::AnswerError::kConnect);
  const int one = 1;
  if (tcp) ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (tcp && limits_.mark != 0 &&
      ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_MARK, &limits_.mark,
                   sizeof limits_.mark) != 0 &&
      owner_ != nullptr) {
    owner_->mark_failed();
  }
  socket_.non_blocking(true, error);
  socket_.async_connect(stream_protocol::endpoint(&peer_.storage, peer_.size),
                        [self = shared_from_this(),
                         attempt = next_address_](boost::system::error_code failed) {
                          const bool current = attempt == self->next_address_;
                          if (current && self->state_ == State::kConnecting) {
                            self->on_connected(!failed);
                          }
                        });
}

void Connection::on_connected(bool connected) {
  if (!connected) return try_next_address(clock_now());
  wire_.attach(socket_.native_handle(), tls_.get());
  if (!tls_) return become_ready();
  state_ = State::kShaking;
  shake();
}

void Connection::shake() {
  switch (wire_.handshake()) {
    case Wire::Io::kDone:
      return become_ready();
    case Wire::Io::kWantRead:
      return wait_readable();
    case Wire::Io::kWantWrite:
      return wait_writable();
    case Wire::Io::kClosed:
    case Wire::Io::kFailed:
      break;
  }
  close(http::AnswerError::kTls);
}

void Connection::become_ready() {
  state_ = State::kReady;
  opened_at_ = idle_since_ = clock_now();
  wait_readable();
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
  switch (wire_.write(unsent_)) {
    case Wire::Io::kDone:
      written_ = clock_now();
      return;
    case Wire::Io::kWantRead:
      return;  // on_readable() tries again
    case Wire::Io::kWantWrite:
      return wait_writable();
    case Wire::Io::kClosed:
    case Wire::Io::kFailed:
      break;
  }
  // It may have answered before it hung up (413, 401): the read side says what it was.
  unsent_ = {};
  written_ = clock_now();
}

void Connection::wait_readable() {
  if (waiting_to_read_ || state_ == State::kClosed) return;
  waiting_to_read_ = true;
  socket_.async_wait(stream_protocol::socket::wait_read,
                     [self = shared_from_this()](boost::system::error_code) {
                       self->waiting_to_read_ = false;
                       if (self->state_ != State::kClosed) self->on_readable();
                     });
}

void Connection::wait_writable() {
  if (waiting_to_write_ || state_ == State::kClosed) return;
  waiting_to_write_ = true;
  socket_.async_wait(stream_protocol::socket::wait_write,
                     [self = shared_from_this()](boost::system::error_code) {
                       self->waiting_to_write_ = false;
                       if (self->state_ != State::kClosed) self->on_writable();
                     });
}

void Connection::on_writable() {
  if (state_ == State::kShaking) return shake();
  if (state_ == State::kBusy && !unsent_.empty()) flush();
}

// Reads until nothing is left: the reactor is edge-triggered, and a FIN that came with
// the last bytes makes no new edge. Once a framed answer is complete that no longer
// matters; a FIN then shows at the next use.
void Connection::on_readable() {
  if (state_ == State::kShaking) return shake();
  while (state_ == State::kBusy || state_ == State::kReady) {
    std::size_t size = 0;
    const std::span<char> buffer = owner_->read_buffer();
    const Wire::Io outcome = wire_.read(buffer, size);
    if (outcome == Wire::Io::kWantRead) break;
    if (outcome == Wire::Io::kWantWrite) {
      wait_writable();
      break;
    }
    if (state_ == State::kReady) return close(http::AnswerError::kNone);
    if (outcome != Wire::Io::kDone) return on_end();
    on_bytes({buffer.data(), size});
    if (state_ == State::kReady || (state_ == State::kBusy && !parser_.begun())) break;
  }
  if (state_ == State::kBusy && !unsent_.empty()) flush();
  wait_readable();
}

void Connection::on_bytes(std::string_view bytes) {
  const Time now = clock_now();
  const http::ResponseParser::Progress progress = parser_.feed(bytes);
  const bool began = answer_.to_first_byte == Duration{} && parser_.final_begun();
  if (began) answer_.to_first_byte = since_written(now);
  if (progress.state == http::ResponseParser::State::kProtocolError) {
    return close(http::AnswerError::kProtocol);
  }
  if (progress.state != http::ResponseParser::State::kComplete) return;
  answer_.to_last_byte = since_written(now);
  complete(progress.consumed < bytes.size());
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
  answer_.to_last_byte = since_written(clock_now());
  complete(true);
}

void Connection::complete(bool more_bytes) {
  const Time now = clock_now();
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
  if (round_trip_ != Duration{} && now - round_trip_read_ < std::chrono::milliseconds(20)) {
    return round_trip_;
  }
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0) {
    round_trip_ = std::chrono::microseconds(info.tcpi_rtt);
  }
  round_trip_read_ = now;
  return round_trip_;
}

bool Connection::hung_up() {
  char byte = 0;
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
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
  wire_.detach();
  boost::system::error_code ignored;
  socket_.close(ignored);
  Owner* owner = std::exchange(owner_, nullptr);
  if (owner == nullptr) return;
  std::optional<Flight> flight = std::exchange(flight_, std::nullopt);
  owner->gone(*this, opened ? http::AnswerError::kNone : error);
  if (!flight) return;
  answer_.error = error == http::AnswerError::kNone ? http::AnswerError::kReset : error;
  answer_.response = {};
  owner->answered(std::move(*flight), std::move(answer_));
}

void Connection::abandon() {
  owner_ = nullptr;
  close(http::AnswerError::kNone);
}

}  // namespace shadowtap::shadow
