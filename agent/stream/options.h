// Bounds of one shard's connections. Each has a counter for what it refused.
#pragma once

#include <chrono>
#include <cstddef>

#include "agent/base/counter.h"
#include "agent/base/time.h"
#include "agent/stream/half.h"
#include "agent/stream/reader.h"

namespace shadowtap::stream {

struct StreamOptions {
  std::size_t max_connections = 128 << 10;    // of a shard; the idlest goes
  std::size_t max_total_bytes = 256 << 20;    // held for all connections; the idlest goes
  HeldLimits held;                            // behind a hole, per direction
  Duration hole_timeout = std::chrono::seconds(10);  // for a hole nobody acknowledged
  Duration idle_timeout = std::chrono::hours(2);
  // How long a closed connection is remembered, so that late copies of its segments do
  // not begin another one.
  Duration linger = std::chrono::seconds(5);
};

enum class ConnectionEvent : std::uint8_t {
  kOpened,      // handshake seen
  kMidStream,   // joined without
  kOneSided,    // closed without a byte from one of the sides, though both were wanted
  kLate,        // a segment after the end
  kBadReset,    // an RST that its receiver would not take
  kOverBytes,   // evictions because of max_total_bytes
  kCount_,
};

// Written by the shard, read from anywhere.
struct StreamCounters {
  CounterSet<ConnectionEvent> events;
  CounterSet<HalfEvent> half_events;
  CounterSet<Closed> closed;
  CounterSet<GapCause> gaps;
  CounterSet<GapCause> gap_bytes;
  Counter skipped_bytes;  // left out by the tap, as we asked
  Counter segments;
  Counter payload_bytes;
};

}  // namespace shadowtap::stream
