// Reads one HTTP/1.x message from bytes that come in any pieces (RFC 9112). llhttp reads
// heads and trailers; bodies pass it by. (Its 8.1 refuses legal chunk extensions such as
// `;a=b;c=d`, and cannot be told that part of a chunk is missing.)
//
// Each message starts on a fresh parser, so nothing of one message can change how the
// next is read. Knows nothing of pairs or connections. Not thread-safe.
#pragma once

#include <llhttp.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/http/chunk_reader.h"
#include "agent/http/hasher.h"
#include "agent/http/head_lines.h"
#include "agent/http/message.h"
#include "agent/http/parse_error.h"
#include "agent/http/parser_options.h"

namespace shadowtap::http {

// What a response is the answer to, as far as its framing depends on it.
enum class AnswerTo : std::uint8_t { kOther, kHead, kConnect };
AnswerTo answer_to(std::string_view method);

class MessageParser {
 public:
  enum class State : std::uint8_t { kNeedsMore, kComplete, kError };
  struct Progress {
    State state;
    std::size_t consumed;  // less than given only when complete or failed
  };

  explicit MessageParser(const ParserOptions& options) : options_(options) {}
  const ParserOptions& options() const { return options_; }
  // llhttp holds our address.
  MessageParser(const MessageParser&) = delete;
  MessageParser& operator=(const MessageParser&) = delete;

  void start_request();
  // Lets go of what it holds.
  void forget();
  void start_response(AnswerTo request);

  Progress feed(std::string_view bytes);
  // The sender ended its stream.
  State finish();
  // Takes the next `n` body bytes as lost: they count, but are neither kept nor hashed.
  // Requires n <= can_skip().
  State skip(std::uint64_t n);
  // How many coming bytes are certain to be body: none while their end is not known.
  std::uint64_t can_skip() const;
  // Amid a body whose length was announced: behind can_skip() bytes another message begins.
  bool counting_down() const { return state_ == State::kNeedsMore && stage_ == Stage::kCounted; }

  // The body beyond its kept limit will not be hashed. Behind start_…(), before its bytes.
  void forgo_rest() { forgone_ = true; }
  // How many coming bytes count, and no more: they are neither kept nor hashed.
  std::uint64_t unneeded() const;
  // Counts the next `n` of them unseen. Requires n <= unneeded().
  State pass(std::uint64_t n);

  bool begun() const { return begun_; }
  bool head_complete() const { return stage_ >= Stage::kChunked; }
  State state() const { return state_; }
  ParseError error() const { return error_; }

  // Of the head, once complete.
  bool interim() const;           // 1xx but 101
  bool tunnel() const;            // 101, or 2xx to CONNECT: what follows is not HTTP
  bool offers_upgrade() const { return offers_upgrade_; }
  bool expects_continue() const;  // a request that waits for 100 before its body
  bool keep_alive() const { return keep_alive_; }  // as version, Connection, framing say
  bool damaged() const { return damaged_; }        // by skip()

  // In progress or complete; the caller may move out of it once complete.
  Request& request() { return request_; }
  Response& response() { return response_; }
  std::size_t held_bytes() const;

 private:
  enum class Stage : std::uint8_t {
    kMethod,   // ours: llhttp refuses methods it does not know
    kTarget,   // ours: llhttp refuses bytes above 127
    kHead,
    kChunked,  // from here on the head is complete
    kTrailers,
    kCounted,  // without llhttp, as is the next
    kUntilClose,
    kDone,
  };
  friend struct ParserCallbacks;

  bool is_request() const { return is_request_; }
  HeaderList& headers() { return is_request() ? request_.headers : response_.headers; }
  HeaderList& trailers() { return is_request() ? request_.trailers : response_.trailers; }
  Body& body() { return is_request() ? request_.body : response_.body; }
  const Body& body() const { return is_request() ? request_.body : response_.body; }
  void start(llhttp_type_t type);
  std::size_t step(std::string_view bytes);
  std::size_t read_method(std::string_view bytes);
  std::size_t read_target(std::string_view bytes);
  std::size_t run_llhttp(std::string_view bytes);
  std::size_t execute(std::string_view bytes);
  std::size_t read_counted(std::string_view bytes);
  std::size_t read_chunked(std::string_view bytes);
  void begin_trailers();
  void take_body(std::string_view bytes);
  void hash_from_here();
  void begin_body();
  void frame_request();
  void frame_response();
  bool fold_may_frame() const;
  void count_down(std::uint64_t length);
  void complete();
  void fail(ParseError error);
  void count_head(std::size_t bytes);
  // What llhttp tells, as its callbacks' return values.
  int on_field(std::string_view piece);
  int on_value(std::string_view piece);
  int on_value_complete();

  llhttp_t parser_;
  ParserOptions options_;
  Request request_;
  Response response_;
  std::optional<Hasher> hasher_;
  HeadLines lines_;
  ChunkReader chunks_;
  std::uint64_t remaining_ = 0;  // of a counted body
  std::uint64_t length_ = 0;     // the Content-Length seen so far
  std::size_t head_bytes_ = 0;
  Stage stage_ = Stage::kMethod;
  State state_ = State::kNeedsMore;
  ParseError error_ = ParseError::kNone;
  AnswerTo answer_to_ = AnswerTo::kOther;
  bool is_request_ = true;
  bool begun_ = false;
  bool has_length_ = false;
  bool in_line_ = false;
  bool offers_upgrade_ = false;
  bool keep_alive_ = false;
  bool damaged_ = false;
  bool forgone_ = false;
};

}  // namespace shadowtap::http
