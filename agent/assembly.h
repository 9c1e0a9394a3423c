// Segments in, exchanges out, for one shard: joins stream's connections with http's
// pairing, numbers connections and exchanges, and lets the tap know what need not be
// copied any more.
//
// Time comes with the segments and ticks, so that a file runs like a live tap. Not
// thread-safe but for the counters, which any thread reads. Owned by a shard, a lister or
// a fuzzer.
#pragma once

#include <algorithm>
#include <functional>

#include "agent/http/conversation.h"
#include "agent/http/sink.h"
#include "agent/net/flow_verdict.h"
#include "agent/net/segment.h"
#include "agent/stream/connection_table.h"

namespace shadowtap {

struct AssemblyOptions {
  std::uint8_t shard = 0;              // top 8 bits of every id
  std::uint64_t first_exchange = 0;    // 0: a random start
  stream::StreamOptions stream;
  http::ConversationOptions conversation;
  http::ParserOptions parser;          // of the originals and their requests
};

using stream::TellTap;

class Assembly {
 public:
  // `sink` outlives this. `tell_tap` may be empty.
  Assembly(const AssemblyOptions& options, http::ExchangeSink& sink, TellTap tell_tap = {});

  void segment(const net::Segment& segment) { connections_.segment(segment); }
  // Of messages that begin from now on; never less than before.
  void keep_bodies_up_to(std::size_t bytes) { context_.parsers.keep_bodies_up_to(bytes); }
  // A request without a response is given up after that, and never sooner than before.
  void wait_for_responses(Duration patience) {
    Duration& now = context_.options.response_timeout;
    now = std::max(now, patience);
  }
  // A few times a second.
  void tick(Time now) { connections_.tick(now); }
  // The input ended: what is open is closed or lost.
  void flush(Time now) { connections_.flush(now); }

  std::size_t connections() const { return connections_.size(); }
  std::size_t open_of(std::uint16_t service) const { return connections_.open_of(service); }
  std::size_t held_bytes() const { return connections_.held_bytes(); }

  // Any thread.
  const stream::StreamCounters& stream_counters() const { return connections_.counters(); }
  const CounterSet<http::ConversationEvent>& http_events() const { return context_.events; }

 private:
  std::unique_ptr<stream::Reader> make_reader(const stream::ConnectionStart& start);

  http::ConversationContext context_;
  std::uint64_t next_connection_;
  stream::ConnectionTable connections_;
};

// `connections{reason}` of the ledger: gap.capture, gap.wire, resynchronised, not_http, tls,
// http2, upgraded, mid_stream, evicted, … as (name, count), every name always there.
std::vector<std::pair<const char*, std::uint64_t>> connection_counts(const Assembly& assembly);

}  // namespace shadowtap
