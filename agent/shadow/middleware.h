// An external program that may change or drop requests and sees all answers, over
// GoReplay's middleware protocol: one line a message, the hex of "TYPE ID TIME LATENCY\n"
// and the HTTP bytes; 1 is a request, 2 the original's response, 3 a target's. What it
// writes back of type 1 is sent in place of the request; what it does not write back
// within the time-out is dropped, since that is how it says "drop".
//
// The program can do no harm but to itself: its pipe is bounded, its death or stall ends
// what waits as dropped (never as unchanged: it may be there to mask), and it is started
// again after a pause. Requests are in order as it gives them back: to wait for one that
// it dropped would hold up all others. Knows no targets. On the shard's thread; one per
// dispatcher.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/counter.h"
#include "agent/http/exchange.h"

namespace shadowtap::shadow {

class Middleware {
 public:
  class Owner {
   public:
    virtual void passed(http::ExchangeId id, http::Request request) = 0;
    virtual void dropped(http::ExchangeId id) = 0;

   protected:
    ~Owner() = default;
  };

  struct Limits {
    Duration timeout = std::chrono::seconds(1);
    Duration restart_after = std::chrono::seconds(1);
    std::size_t max_waiting = 4096;
    std::size_t max_unwritten = 16 << 20;
  };

  // `command` is run by /bin/sh; its standard error is ours.
  Middleware(boost::asio::io_context& io, Owner& owner, std::string command);
  Middleware(boost::asio::io_context& io, Owner& owner, std::string command, Limits limits);
  ~Middleware();
  Middleware(const Middleware&) = delete;
  Middleware& operator=(const Middleware&) = delete;

  // Later exactly one of passed() and dropped(), never from within.
  void offer(const http::Exchange& exchange);
  // Only told, never waited for; left out (counted) when the pipe is full.
  void tell_original(const http::Exchange& exchange);
  // After tell_original() of the same exchange: the package for Node wants that order.
  void tell_answer(http::ExchangeId id, Duration latency, const std::string& bytes);
  void tick(Time now);

  // Asks the program to end and drops what waits; tick() makes it end. Not offered anything
  // afterwards; may go once it has left().
  void leave(Time now);
  bool left() const { return leaving_ && unreaped_.empty(); }

  bool running() const;
  std::size_t waiting() const;
  std::uint64_t starts() const { return starts_.value(); }
  std::uint64_t untold() const { return untold_.value(); }    // responses left out
  std::uint64_t dropped() const { return dropped_.value(); }  // and timed out, and at its death

 private:
  class Child;
  struct Waiting;

  void start(Time now);
  void died();
  void line_came(std::string_view hex);
  void drop(http::ExchangeId id);
  void drop_all();
  bool write_line(int type, http::ExchangeId id, Duration latency, const std::string& http);

  boost::asio::io_context& io_;
  Owner& owner_;
  std::string command_;
  Limits limits_;
  std::shared_ptr<Child> child_;  // shared with its own pending reads and writes
  std::unique_ptr<Waiting> waiting_;
  std::vector<int> unreaped_;  // pids that were killed, or asked to end
  Time start_again_;
  Time patience_ends_;  // of one that leaves
  bool leaving_ = false;
  Counter starts_;
  Counter untold_;
  Counter dropped_;
};

}  // namespace shadowtap::shadow
