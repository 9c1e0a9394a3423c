// One direction of a connection: turns segments into pieces in order, and says what
// will never come.
//
// First copy of a byte wins. A hole is given up when the receiver acknowledged it (then
// capture lost it), or when the owner calls give_up(). What the tap was asked to leave out
// is no hole: it is passed as soon as something behind it comes. Windows and checksums are
// not enforced: offload makes them wrong where we look. Time passes through, unread.
//
// Not thread-safe; owned by one Connection.
#pragma once

#include <cstdint>
#include <memory>

#include "agent/net/segment.h"
#include "agent/stream/held_segments.h"
#include "agent/stream/reader.h"

namespace shadowtap::stream {

enum class HalfEvent : std::uint8_t {
  kConflict,     // two copies of a held byte differ
  kFarAhead,     // farther than any window allows, ahead or behind: another connection's
  kHeldTooMuch,  // held bytes or segments reached their bound: a gap was declared
  kTruncated,    // captured shorter than it was
  kUrgent,       // a segment with an urgent byte, taken for missing
  kCount_,
};
// As in the ledger's `connections`.
const char* to_string(HalfEvent event);

// What a Half reports to while it works.
class HalfListener {
 public:
  virtual void half_data(net::Direction direction, const Piece& piece) = 0;
  virtual void half_gap(net::Direction direction, std::int64_t from, std::int64_t to,
                        GapCause cause, Time time) = 0;
  virtual void half_skipped(net::Direction direction, std::int64_t from, std::int64_t to,
                            Time time) = 0;
  virtual void half_end(net::Direction direction, Time time) = 0;
  virtual void half_event(HalfEvent event) = 0;

 protected:
  ~HalfListener() = default;
};

class Half {
 public:
  bool known() const { return known_; }
  // Offset 0 is the byte with this sequence number.
  void start(std::uint32_t origin);
  std::uint32_t origin() const { return origin_; }

  std::int64_t offset_of(std::uint32_t sequence) const;
  std::uint32_t sequence_of(std::int64_t offset) const;
  // Everything before this was delivered or declared lost.
  std::int64_t next() const { return next_; }
  std::int64_t acknowledged() const { return acknowledged_; }
  bool ended() const { return ended_; }
  bool waiting() const { return held_ && !held_->empty(); }
  Time waiting_since() const { return waiting_since_; }
  // Farther ahead or behind than an honest segment of this stream can be. Requires known().
  bool is_far(const net::Segment& segment) const;
  std::size_t held_bytes() const { return held_ ? held_->bytes() : 0; }

  // A segment's payload (possibly empty) and FIN. Requires known().
  void segment(net::Direction direction, const net::Segment& segment, std::int64_t acknowledged,
               const HeldLimits& limits, HalfListener& listener);
  // The other side has received everything before this offset.
  void acknowledge(net::Direction direction, std::int64_t offset, Time time,
                   HalfListener& listener);
  // Stops waiting for the first hole. Requires waiting().
  void give_up(net::Direction direction, Time time, HalfListener& listener);
  void forget_held() { held_.reset(); }

  // Of a stream whose bytes nobody wants: everything before the segment's end has passed,
  // however much of it the tap left out.
  void pass_over(const net::Segment& segment);
  // Nobody wants the bytes any more: none is waited for, and a FIN seen is the end.
  void forgo(net::Direction direction, Time time, HalfListener& listener);

  // The bytes before `until` need not come any more. True: tell the tap, up to skip_until()
  // (again from time to time, since it may forget).
  bool skip(std::int64_t until);
  std::int64_t skip_until() const { return skip_until_; }

 private:
  void payload(net::Direction direction, Piece piece, const HeldLimits& limits,
               HalfListener& listener);
  void deliver(net::Direction direction, Piece piece, HalfListener& listener);
  // Bytes are told at the time at which all before them were there as well.
  void tell(net::Direction direction, Piece piece, HalfListener& listener);
  void deliver_held(net::Direction direction, HalfListener& listener);
  // Nothing before `offset` will come: what is not held is lost, or was skipped.
  void lose_until(net::Direction direction, std::int64_t offset, GapCause cause, Time time,
                  HalfListener& listener);
  void pass_skipped(net::Direction direction, std::int64_t offset, Time time,
                    HalfListener& listener);
  // The farthest that an honest segment can begin.
  std::int64_t horizon() const;
  void finish_if_due(net::Direction direction, Time time, HalfListener& listener);

  std::int64_t next_ = 0;
  std::int64_t acknowledged_ = 0;
  std::int64_t fin_ = -1;
  std::int64_t skip_until_ = 0;
  std::int64_t skip_asked_ = 0;  // next_ when the tap was told last
  std::unique_ptr<HeldSegments> held_;
  Time waiting_since_;
  Time latest_;
  std::uint32_t origin_ = 0;
  bool known_ = false;
  bool ended_ = false;
};

}  // namespace shadowtap::stream
