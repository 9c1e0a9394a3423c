// One connection to a target, and the one request that is on it.
//
//   state       | event                     | next
//   connecting  | connected                 | shaking (TLS) or ready
//   connecting  | address refused           | connecting (next address) or closed{connect}
//   shaking     | handshake done / failed   | ready / closed{tls}
//   ready       | send()                    | busy
//   ready       | readable (bytes or FIN)   | closed (the target hung up)
//   busy        | response complete         | ready, or closed if not reusable
//   busy        | FIN, reset, bad bytes     | closed{reset, protocol}
//   any         | withdraw() before the     | closed
//               | first byte has left       |
//   any         | overdue() / close()       | closed
//
// Reads and writes itself when told that it can: one send and one or two recv a request,
// no timer (the owner sweeps overdue()). Knows no queues and no retries.
// On the shard's thread. Shared only with what it does later.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/base/unique_fd.h"
#include "agent/http/exchange.h"
#include "agent/http/response_parser.h"
#include "agent/shadow/readiness.h"
#include "agent/shadow/resolver.h"
#include "agent/shadow/wire.h"

namespace shadowtap::shadow {

// One request on its way.
struct Flight {
  http::ExchangeId id = 0;
  std::string method;
  std::string bytes;
  bool only_once = false;  // must never be sent a second time
  std::optional<Time> due;  // when its original was complete at the tap
  bool retried = false;
  std::uint32_t redirects = 0;
};

struct ConnectionLimits {
  Duration connect_timeout;
  Duration first_byte_timeout;
  Duration timeout;
  std::uint32_t mark = 0;
  http::ParserOptions parser;
};

class Connection final : public std::enable_shared_from_this<Connection>,
                         private Readiness::Watcher {
 public:
  class Owner {
   public:
    // It can take a request (for the first time, or again).
    virtual void ready(Connection& connection) = 0;
    // Its request has its answer; told after ready() or gone().
    virtual void answered(Flight flight, http::Answer answer) = 0;
    // The pooled connection was dead before any byte of an answer came.
    virtual void stale(Flight flight) = 0;
    // It is closed; `error` is why it could not be opened, else kNone.
    virtual void gone(Connection& connection, http::AnswerError error) = 0;
    virtual void mark_failed() = 0;
    // Whether that address is the tapped service, which must get nothing.
    virtual bool is_service(const SocketAddress& address) = 0;
    // Scratch for reading, valid during one call.
    virtual std::span<char> read_buffer() = 0;

   protected:
    ~Owner() = default;
  };

  Connection(Readiness& readiness, Owner& owner, const ConnectionLimits& limits,
             std::shared_ptr<TlsContext> tls);
  ~Connection();

  // Tries the addresses in their order, each for its part of the connect timeout.
  void open(std::vector<SocketAddress> addresses, Time now);
  // When ready: at once. While it is being opened: as soon as it is ready.
  void send(Flight flight);
  // Ready, but the target has closed it and the event has not come yet.
  bool hung_up();
  // A deadline passed: ends the flight as a time-out.
  bool overdue(Time now);
  // Ends the flight, if any, with that error; tells the owner.
  void close(http::AnswerError error);
  // Takes a request back of which no byte has left, and closes; the owner is told gone()
  // alone. Nothing: there is no request, or it has begun to leave and goes on.
  [[nodiscard]] std::optional<Flight> withdraw();
  // Nothing is told to the owner from now on.
  void abandon();

  bool has_flight() const { return flight_.has_value(); }
  bool is_ready() const { return state_ == State::kReady; }
  bool is_open() const { return state_ == State::kReady || state_ == State::kBusy; }
  Time opened_at() const { return opened_at_; }
  Time idle_since() const { return idle_since_; }
  const SocketAddress& peer() const { return peer_; }

 private:
  enum class State : std::uint8_t { kConnecting, kShaking, kReady, kBusy, kClosed };

  void ready(bool to_read, bool to_write) override;
  void try_next_address(Time now);
  void try_another_address(Time now);
  bool start_connecting();
  bool leads_to_service();
  void on_connected();
  void shake();
  void become_ready();
  void start_flight();
  void flush();
  void wait_to_write(bool waiting);
  void read();
  void on_end();
  void on_bytes(std::string_view bytes, Time arrived);
  void complete(bool more_bytes, Time now);
  void close_socket();
  Duration since_written(Time now) const;
  Duration round_trip(Time now);

  Readiness& readiness_;
  UniqueFd socket_;
  Owner* owner_;
  ConnectionLimits limits_;
  std::shared_ptr<TlsContext> tls_;
  Wire wire_;
  State state_ = State::kConnecting;

  std::vector<SocketAddress> addresses_;
  std::size_t next_address_ = 0;  // also tells attempts apart
  SocketAddress peer_;
  Time opening_since_;
  Time trying_since_;  // this address
  Time opened_at_;
  Time idle_since_;

  std::optional<Flight> flight_;
  std::string_view unsent_;
  http::ResponseParser parser_;
  http::Answer answer_;
  bool used_ = false;  // carried a request before the present one
  bool waiting_to_write_ = false;
  Time written_;
  Time round_trip_read_;
  Duration round_trip_{};
};

}  // namespace shadowtap::shadow
