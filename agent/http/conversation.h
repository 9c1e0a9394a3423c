// Pairs the requests and responses of one connection, by their order.
//
// A pair is told only when it is certain. Where the connection was seen from its
// handshake on, order alone decides. After joining mid-stream or losing bytes, pairing
// starts again at a request whose acknowledgment says that the client had received all
// that the server ever sent; the first pairs are held back until the client's next
// request, a quiet second or the end of the connection shows that no other answer was
// outstanding.
//
//   state        client bytes            server bytes            gap / bad message
//   seeking      a plausible request     dropped, each turn      stays
//                at a quiet point:       told as unpaired
//                -> unconfirmed;
//                else as the server's
//   unconfirmed  next request at a quiet nothing pending:        -> seeking, all lost
//                point: -> in step       -> seeking, all lost
//                else -> seeking
//   in step      read                    read; nothing pending:  -> seeking, pending lost
//                                        held for the request
//   stopped      dropped                 dropped                 stays
//
// What cannot be known: after loss, a client that has a request outstanding at every
// moment, and was never seen to pipeline, looks like one that waits for its answers.
//
// An answer whose first segment acknowledges no byte of the request in turn answers nothing:
// a time-out that crossed the request, or bytes behind a body. Then pairing starts again.
//
// A request that cannot be read ends all pairing on its connection: how many requests the
// server takes it for is unknown, and a client could choose it so that every answer after
// it seems to be another's.
//
// A gap inside a body whose length was announced before it hurts that message only:
// where the next one begins is certain. Knows nothing of segments or sequence numbers.
// Not thread-safe; owned by its connection.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/counter.h"
#include "agent/http/final_answer.h"
#include "agent/http/message_parser.h"
#include "agent/http/parser_pool.h"
#include "agent/http/sink.h"

namespace shadowtap::http {

struct ConversationOptions {
  std::size_t max_pending = 1024;    // requests of a connection waiting for an answer
  std::size_t max_held = 1 << 20;    // memory of what waits for the other direction
  Duration response_timeout = std::chrono::seconds(60);
  Duration quiet = std::chrono::seconds(1);
};

enum class ConversationEvent : std::uint8_t {
  kTls,
  kHttp2,
  kNotHttp,
  kUpgraded,
  kResynchronised,  // pairing began at a quiet point
  kOutOfStep,       // pairing was given up
  kBytesAfterClose,
  kHeldTooMuch,
  kUnpairedRequest,
  kUnpairedResponse,
  kCount_,
};
// As in the ledger's `connections`.
const char* to_string(ConversationEvent event);

// Exchange ids of one shard: its index in the top 8 bits, a count that starts anywhere.
class ExchangeIds {
 public:
  ExchangeIds(std::uint8_t shard, std::uint64_t start) : shard_(shard), next_(start) {}
  ExchangeId next() { return (std::uint64_t{shard_} << 56) | (next_++ & ((1ULL << 56) - 1)); }

 private:
  std::uint8_t shard_;
  std::uint64_t next_;
};

// What all conversations of a shard share. Outlives them.
struct ConversationContext {
  ConversationOptions options;
  ExchangeSink& sink;
  ExchangeIds ids;
  ParserPool parsers;
  CounterSet<ConversationEvent> events;
};

// In-order bytes of one direction; see stream::Piece.
struct Bytes {
  std::int64_t offset = 0;
  std::string_view bytes;
  std::int64_t acknowledged = -1;
  bool starts_segment = true;
  Time time;
};

// How a connection ended, for what was still open.
struct Ending {
  OriginalLoss loss;
  const char* detail;
};

class Conversation {
 public:
  struct Identity {
    std::uint64_t connection = 0;
    std::uint16_t service = 0;
    Endpoint client;
    Endpoint server;
    Time begun;
  };
  Conversation(ConversationContext& context, const Identity& identity, bool from_start);
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  void client_bytes(const Bytes& bytes);
  void server_bytes(const Bytes& bytes);
  void client_gap(std::int64_t from, std::int64_t to, Time time);
  void server_gap(std::int64_t from, std::int64_t to, Time time);
  // Left out by the tap, as the two below allowed.
  void client_skipped(std::int64_t from, std::int64_t to, Time time);
  void server_skipped(std::int64_t from, std::int64_t to, Time time);
  void server_end(Time time);
  void closed(const Ending& ending, Time time);
  void tick(Time now);

  // Tells the sink of something that is no exchange; `reason` is a literal.
  void note(Incident::Of of, const char* reason, std::uint64_t bytes = 0);

  // Nothing more to learn here: not HTTP, or a tunnel.
  bool stopped() const { return sync_ == Sync::kStopped; }
  bool busy() const;
  std::size_t held_bytes() const;

  // The offset of the last byte of the body that is coming, where the bytes before it need
  // not come: past the kept limit, and neither compared nor hashed. 0 where they must.
  std::int64_t client_unneeded_until() const;
  std::int64_t server_unneeded_until() const;

 private:
  enum class Sync : std::uint8_t { kSeeking, kUnconfirmed, kInStep, kStopped };
  enum class Side : std::uint8_t { kNone, kClient, kServer };

  // A request whose answer is awaited. The last one may still be coming itself.
  struct Pending {
    ExchangeId id = 0;
    std::int64_t start = 0;  // offset of its first byte
    Time opened_at;
    AnswerTo answer_to = AnswerTo::kOther;
    bool complete = false;  // the request is
    bool opened = false;    // told to the sink, and not told to be lost
    bool answered = false;  // early: the answer waits in early_
    bool upgrade = false;   // 101 or 2xx may end HTTP here
  };
  struct Answered {
    ExchangeId id = 0;
    Response response;
    Time first;
    Time last;
  };
  struct Held {
    std::int64_t offset;
    std::string bytes;
    std::int64_t acknowledged;
    bool starts_segment;
    Time time;
    Bytes view() const { return {offset, bytes, acknowledged, starts_segment, time}; }
  };
  using HeldQueue = std::list<Held>;  // an empty std::deque costs 576 bytes a connection

  // conversation.cpp: bytes to messages to pairs
  void read_client(Bytes bytes);
  bool begin_request(const Bytes& bytes);
  void head_read();
  void request_read(Time time);
  void client_failed();
  void read_server(Bytes bytes);
  bool begin_response(const Bytes& bytes);
  void start_response(const Pending& pending);
  void response_read(Time time);
  void tell(Answered answered);
  void pop_pending();
  void release_server();
  void release_client();
  void finish_server(Time time);
  Pending* unanswered();
  bool awaits_upgrade() const;
  // In order: the rest of what was taken first goes to the front again.
  void hold(HeldQueue& queue, HeldQueue::const_iterator before, const Bytes& bytes);
  Held take_first(HeldQueue& queue);

  // conversation_sync.cpp: where pairing starts, stops and starts again
  bool quiet_point(const Bytes& bytes) const;
  bool misjudged() const;
  bool looks_like_message(const Bytes& bytes) const;
  bool looks_like_tls(const Bytes& bytes) const;
  bool looks_like_response(const Bytes& bytes) const;
  bool looks_like_upgrade(const Bytes& bytes) const;
  bool may_be_interim(const Bytes& bytes) const;
  bool speaks_first(const Bytes& bytes) const;
  bool refused_expectation(const Bytes& bytes) const;
  bool answers_nothing(const Bytes& bytes) const;
  void confirm();
  void stop(ConversationEvent why);
  // `last` sent what broke it; after a client's bytes an answer may be outstanding.
  void out_of_step(const char* why, Side last);
  void dropped(Side side, bool message);
  void count(ConversationEvent event);
  void expect_answer();
  void forget_client(const char* why);
  void lose_pending(OriginalLoss loss, const char* detail);
  void lose_unconfirmed(const char* detail);
  void drop_request(const char* detail);
  void drop_response();
  void unpaired_request(const char* detail);
  void unpaired_response(const char* detail);

  ConversationContext& context_;
  Identity identity_;
  std::unique_ptr<MessageParser> request_;
  std::unique_ptr<MessageParser> response_;
  std::vector<Pending> pending_;
  HeldQueue held_server_;  // answers whose request is still missing
  HeldQueue held_client_;  // what follows an offer to upgrade
  std::vector<Answered> unconfirmed_;
  std::unique_ptr<Answered> early_;
  std::size_t held_ = 0;
  std::int64_t request_start_ = 0;
  std::int64_t client_seen_ = 0;  // end of what came, or was declared lost
  std::int64_t server_seen_ = 0;
  Time request_first_;
  Time request_last_;
  Time response_first_;
  Time last_;
  std::uint32_t requests_ = 0;
  std::uint32_t interim_ = 0;
  Sync sync_;
  Side last_dropped_ = Side::kNone;  // while seeking: whose bytes came last
  FinalAnswer final_answer_;
  bool unanswered_ = false;    // while seeking: no final answer since the client's
  bool head_told_ = false;     // request_ stands in pending_
  bool forgetful_ = false;     // the client's stream is lost: only what is pending is read
  bool unreadable_ = false;    // a request was: what the server takes it for is unknown
  bool said_close_ = false;    // the server did; some go on all the same
  bool server_ended_ = false;
  bool pipelines_ = false;
};

}  // namespace shadowtap::http
