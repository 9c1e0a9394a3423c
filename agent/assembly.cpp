#include "agent/assembly.h"

#include <random>
#include <utility>

namespace shadowtap {
namespace {

using net::Direction;

std::uint64_t random_start() {
  std::random_device device;
  return (std::uint64_t{device()} << 24) ^ device();
}

http::Ending ending_of(stream::Closed why) {
  using stream::Closed;
  switch (why) {
    case Closed::kFinished:
    case Closed::kReset:
    case Closed::kReplaced: return {http::OriginalLoss::kAborted, to_string(why)};
    case Closed::kIdle: return {http::OriginalLoss::kTimeout, to_string(why)};
    case Closed::kEvicted:
    case Closed::kFlushed:
    case Closed::kCount_: break;
  }
  return {http::OriginalLoss::kLost, to_string(why)};
}

// One connection's bytes, from stream to http.
class Tapped final : public stream::Reader {
  using Of = http::Incident::Of;

 public:
  Tapped(http::ConversationContext& context, const http::Conversation::Identity& identity,
         bool from_start)
      : conversation_(context, identity, from_start) {
    if (!from_start) conversation_.note(Of::kConnection, "mid_stream");
  }

  void data(Direction direction, const stream::Piece& piece) override {
    const http::Bytes bytes{piece.offset, piece.bytes, piece.acknowledged, piece.starts_segment,
                            piece.time};
    direction == Direction::kToServer ? conversation_.client_bytes(bytes)
                                      : conversation_.server_bytes(bytes);
  }
  void gap(Direction direction, std::int64_t from, std::int64_t to, stream::GapCause cause,
           Time time) override {
    conversation_.note(direction == Direction::kToServer ? Of::kClientBytes : Of::kServerBytes,
                       cause == stream::GapCause::kWire ? "gap.wire" : "gap.capture",
                       static_cast<std::uint64_t>(to - from));
    direction == Direction::kToServer ? conversation_.client_gap(from, to, time)
                                      : conversation_.server_gap(from, to, time);
  }
  void skipped(Direction direction, std::int64_t from, std::int64_t to, Time time) override {
    direction == Direction::kToServer ? conversation_.client_skipped(from, to, time)
                                      : conversation_.server_skipped(from, to, time);
  }
  std::int64_t unneeded_until(Direction direction) const override {
    return direction == Direction::kToServer ? conversation_.client_unneeded_until()
                                             : conversation_.server_unneeded_until();
  }
  void event(const char* what) override { conversation_.note(Of::kConnection, what); }
  void end(Direction direction, Time time) override {
    if (direction == Direction::kToClient) conversation_.server_end(time);
  }
  void closed(stream::Closed why, Time time) override {
    if (why == stream::Closed::kEvicted) conversation_.note(Of::kConnection, "evicted");
    conversation_.closed(ending_of(why), time);
  }
  void tick(Time now) override { conversation_.tick(now); }
  bool busy() const override { return conversation_.busy(); }
  std::size_t held_bytes() const override { return conversation_.held_bytes(); }
  bool done() const override { return conversation_.stopped(); }

 private:
  http::Conversation conversation_;
};

}  // namespace

Assembly::Assembly(const AssemblyOptions& options, http::ExchangeSink& sink, TellTap tell_tap)
    : context_{options.conversation, sink,
               http::ExchangeIds(options.shard, options.first_exchange != 0 ? options.first_exchange
                                                                            : random_start()),
               http::ParserPool(options.parser), {}},
      next_connection_(std::uint64_t{options.shard} << 56),
      connections_(options.stream,
                   [this](const stream::ConnectionStart& start) { return make_reader(start); },
                   std::move(tell_tap)) {}

std::unique_ptr<stream::Reader> Assembly::make_reader(const stream::ConnectionStart& start) {
  const http::Conversation::Identity identity{next_connection_++, start.service,
                                              start.flow.client, start.flow.server,
                                              start.time};
  return std::make_unique<Tapped>(context_, identity, start.from_start);
}

std::vector<std::pair<const char*, std::uint64_t>> connection_counts(const Assembly& assembly) {
  using http::ConversationEvent;
  const auto& stream = assembly.stream_counters();
  const auto& http = assembly.http_events();
  return {
      {"opened", stream.events.value(stream::ConnectionEvent::kOpened)},
      {"mid_stream", stream.events.value(stream::ConnectionEvent::kMidStream)},
      {"one_sided", stream.events.value(stream::ConnectionEvent::kOneSided)},
      {"gap.capture", stream.gaps.value(stream::GapCause::kCapture)},
      {"gap.wire", stream.gaps.value(stream::GapCause::kWire)},
      {"resynchronised", http.value(ConversationEvent::kResynchronised)},
      {"out_of_step", http.value(ConversationEvent::kOutOfStep)},
      {"not_http", http.value(ConversationEvent::kNotHttp)},
      {"tls", http.value(ConversationEvent::kTls)},
      {"http2", http.value(ConversationEvent::kHttp2)},
      {"upgraded", http.value(ConversationEvent::kUpgraded)},
      {"unpaired_request", http.value(ConversationEvent::kUnpairedRequest)},
      {"unpaired_response", http.value(ConversationEvent::kUnpairedResponse)},
      {"bytes_after_close", http.value(ConversationEvent::kBytesAfterClose)},
      {"held_too_much", http.value(ConversationEvent::kHeldTooMuch) +
                            stream.half_events.value(stream::HalfEvent::kHeldTooMuch)},
      {"overlap_conflict", stream.half_events.value(stream::HalfEvent::kConflict)},
      {"truncated", stream.half_events.value(stream::HalfEvent::kTruncated)},
      {"far_ahead", stream.half_events.value(stream::HalfEvent::kFarAhead)},
      {"urgent", stream.half_events.value(stream::HalfEvent::kUrgent)},
      {"late_segment", stream.events.value(stream::ConnectionEvent::kLate)},
      {"ignored_reset", stream.events.value(stream::ConnectionEvent::kBadReset)},
      {"reset", stream.closed.value(stream::Closed::kReset)},
      {"idle", stream.closed.value(stream::Closed::kIdle)},
      {"evicted", stream.closed.value(stream::Closed::kEvicted)},
  };
}

}  // namespace shadowtap
