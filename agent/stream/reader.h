// What a connection tells about its two byte streams, and who listens. Positions are
// 64-bit offsets; sequence numbers end in this area. All calls on the shard's thread,
// in the order in which things became certain.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/base/time.h"
#include "agent/net/flow.h"

namespace shadowtap::stream {

// In-order bytes of one direction. Valid during the call only.
struct Piece {
  std::int64_t offset = 0;
  std::string_view bytes;
  // The sender had received the other direction up to here when it sent this; negative
  // where the segment carried no acknowledgment.
  std::int64_t acknowledged = -1;
  bool starts_segment = true;  // false: its first byte was not the first of a segment
  Time time;
};

enum class GapCause : std::uint8_t {
  kCapture,  // the receiver acknowledged the bytes: they were on the wire, we lost them
  kWire,     // never acknowledged: a time or byte bound passed
  kCount_,
};

enum class Closed : std::uint8_t {
  kFinished,  // both sides sent their FIN and everything before it was delivered
  kReset,
  kReplaced,  // another connection began on the same addresses and ports
  kIdle,      // quiet for longer than the idle timeout
  kEvicted,   // the idlest when a bound was reached
  kFlushed,   // the input ended
  kCount_,
};
const char* to_string(Closed closed);

// Reads one connection. Owned by it; destroyed after closed().
class Reader {
 public:
  virtual ~Reader() = default;

  // `from_start` was told to the factory. Offsets of one direction never go back.
  virtual void data(net::Direction direction, const Piece& piece) = 0;
  // [from, to) will not come.
  virtual void gap(net::Direction direction, std::int64_t from, std::int64_t to, GapCause cause,
                   Time time) = 0;
  // [from, to) passed, but the tap left it out, as unneeded_until() said it may.
  virtual void skipped(net::Direction direction, std::int64_t from, std::int64_t to,
                       Time time) = 0;
  // Something odd about the segments: a literal, as the ledger has it.
  virtual void event(const char*) {}
  // The direction's FIN, after all its bytes.
  virtual void end(net::Direction direction, Time time) = 0;
  virtual void closed(Closed why, Time time) = 0;
  // Now and then, while busy().
  virtual void tick(Time now) = 0;

  // Something is open that time can decide.
  virtual bool busy() const = 0;

  // Asked behind each data(): the bytes before this offset may be left out; 0 when they may
  // not.
  virtual std::int64_t unneeded_until(net::Direction direction) const = 0;

  // What it holds on the heap for messages in progress, for the total bound.
  virtual std::size_t held_bytes() const = 0;
  // It wants no more bytes (not HTTP, a tunnel): the FINs are its end, wherever they are.
  virtual bool done() const = 0;
};

}  // namespace shadowtap::stream
