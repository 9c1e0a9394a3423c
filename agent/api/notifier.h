// Tells a webhook about each change of a verdict: JSON by POST, signed, tried again with
// back-off, in order. What is over the bound pushes the oldest out and is counted.
//
// On the control thread's io_context; a slow or dead receiver costs nothing but its turn.
//
// Each delivery carries X-Shadowtap-Delivery (the same at every try), X-Shadowtap-Timestamp
// (seconds since the epoch) and, with a secret, X-Shadowtap-Signature: "sha256=" and the
// hex HMAC-SHA256, keyed by the secret, of timestamp, "." and body.
#pragma once

#include <memory>
#include <string>

#include "agent/base/result.h"
#include "agent/base/time.h"
#include "agent/results/results.h"

namespace boost::asio {
class io_context;
}

namespace shadowtap::api {

using namespace std::chrono_literals;

struct NotifierOptions {
  std::string url;          // http://, https:// or unix:; credentials before an @ go as basic
  std::string secret_file;  // its first line; empty: unsigned
  Duration timeout = 5s;
  std::uint32_t attempts = 8;
  Duration first_pause = 1s;  // doubled after each try, with jitter, to at most:
  Duration longest_pause = 5min;
  std::size_t max_waiting = 64;
};

struct NotifierCounts {
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;   // given up after all tries, or refused for good (4xx)
  std::uint64_t dropped = 0;  // pushed out by newer ones
};

struct NotifierState;  // in notifier.cpp

class Notifier {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Notifier>> start(boost::asio::io_context& io,
                                                               const NotifierOptions& options);
  ~Notifier();  // stops

  void notify(const results::VerdictChange& change);
  NotifierCounts counts() const;
  void stop();  // nothing is sent after this; what waits is dropped

 private:
  explicit Notifier(std::shared_ptr<NotifierState> state) : state_(std::move(state)) {}
  std::shared_ptr<NotifierState> state_;  // shared with the sending coroutine
};

// For receivers' tests: the value of X-Shadowtap-Signature.
std::string sign(const std::string& secret, const std::string& timestamp, const std::string& body);

}  // namespace shadowtap::api
