// Reads a target's answers from a connection of our own, one after the other, by the
// same rules as the originals are read. Incremental: bytes may come in any pieces.
//
// Knows nothing of sockets or time: the owner reads, stamps and applies deadlines.
// Not thread-safe; owned by one connection. Costs nothing between answers.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "agent/http/message.h"
#include "agent/http/parser_options.h"

namespace shadowtap::http {

class MessageParser;

class ResponseParser {
 public:
  enum class State : std::uint8_t {
    kNeedsMore,      // the final response is not complete yet
    kComplete,       // take() gives it; start() begins the next
    kProtocolError,  // error() says why; the connection is of no more use
  };
  struct Progress {
    State state = State::kNeedsMore;
    // Bytes used up. Less than given only when complete or failed: what is left after
    // a complete response nobody asked for, so close the connection.
    std::size_t consumed = 0;
  };

  explicit ResponseParser(const ParserOptions& options = {});
  ~ResponseParser();
  ResponseParser(ResponseParser&&) noexcept;
  ResponseParser& operator=(ResponseParser&&) noexcept;

  // Forgets everything and expects the answer to a request of that method (HEAD has no
  // body whatever its headers say; a 2xx to CONNECT is a tunnel).
  void start(std::string_view request_method);

  // Interim responses (1xx but 101) are skipped.
  [[nodiscard]] Progress feed(std::string_view bytes);

  // The peer sent its FIN: completes a close-delimited response; before the first byte or
  // in the middle of anything else it is kProtocolError. A reset is the owner's affair.
  [[nodiscard]] State finish();

  State state() const { return state_; }
  // A literal, "" unless kProtocolError.
  const char* error() const { return error_; }

  // Any byte came since start(), interim responses included: after that a closed
  // connection is a failed answer, not a stale pooled connection to try again.
  bool begun() const { return begun_; }
  // The first byte of the final response came: the moment of its first-byte mark.
  bool final_begun() const;

  // The three below once kComplete. The connection may carry another request: framed,
  // and neither side asked to close.
  bool reusable() const { return reusable_; }
  // 101, or 2xx to CONNECT: what follows is not HTTP.
  bool upgraded() const { return upgraded_; }
  // Moves the response out.
  Response take();

 private:
  Progress complete(std::size_t consumed);
  Progress fail(const char* why, std::size_t consumed);

  ParserOptions options_;
  std::unique_ptr<MessageParser> parser_;
  State state_ = State::kNeedsMore;
  const char* error_ = "";
  bool begun_ = false;
  bool head_ = false;
  bool connect_ = false;
  bool reusable_ = false;
  bool upgraded_ = false;
  std::uint32_t interim_ = 0;
};

}  // namespace shadowtap::http
