// One TCP connection: two halves, whose acknowledgments settle each other's holes, and
// the reader of its bytes.
//
//   handshake   SYN or SYN-ACK seen: both offsets 0 are the first bytes of all
//   mid-stream  else: offset 0 is where we joined, taken from the first segment
//
// Tells the tap what its reader needs no more. Of a connection whose reader is done only the
// end is looked at: each side's first FIN, or a reset, wherever they are.
//
// Knows nothing of HTTP or of other connections. Not thread-safe; owned by a ConnectionTable.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "agent/net/flow_verdict.h"
#include "agent/net/segment.h"
#include "agent/stream/half.h"
#include "agent/stream/options.h"
#include "agent/stream/reader.h"

namespace shadowtap::stream {

// What a reader is told when it is made, at the first byte of payload.
struct ConnectionStart {
  net::Flow flow;
  std::uint16_t service = 0;
  std::uint32_t flow_hash = 0;
  bool from_start = false;
  Time time;
};
using MakeReader = std::function<std::unique_ptr<Reader>(const ConnectionStart&)>;
using TellTap = std::function<void(const net::FlowVerdict&)>;

// What all connections of a table share. Outlives them.
struct ConnectionContext {
  HeldLimits held;
  MakeReader make;
  TellTap tell_tap;  // may be empty
  StreamCounters counters;
};

class Connection final : private HalfListener {
 public:
  Connection(const net::Segment& first, ConnectionContext& context);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void segment(const net::Segment& segment);
  // Whether the segment belongs to another connection on the same addresses and ports.
  bool replaced_by(const net::Segment& segment) const;
  // Says so, where no SYN did: the segment is too far from all that was seen.
  void tell_if_far(const net::Segment& segment);

  void tick(Time now, Duration hole_timeout);
  // Tells the reader and lets it go. Afterwards only the positions are kept.
  void close(Closed why, Time time);
  bool closed() const { return closed_; }

  const net::Flow& flow() const { return flow_; }
  std::uint16_t service() const { return service_; }
  Time last() const { return last_; }
  bool busy() const;
  std::size_t held_bytes() const;

  // Hooks of the table's lists.
  struct Hook {
    Connection* previous = nullptr;
    Connection* next = nullptr;
  };
  Hook recent;
  Hook busy_hook;
  bool in_busy = false;
  std::size_t accounted = 0;

 private:
  Half& half(net::Direction d) { return halves_[static_cast<std::size_t>(d)]; }
  const Half& half(net::Direction d) const { return halves_[static_cast<std::size_t>(d)]; }
  void read(const net::Segment& segment);
  void pass_over(const net::Segment& segment);
  void close_if_over(Time time);
  bool is_far(const net::Segment& segment) const;
  std::int64_t take_acknowledgment(const net::Segment& segment);
  void take_reset(const net::Segment& segment);
  void make_reader(const net::Segment& segment);
  bool wants_bytes() const { return reader_ && !reader_->done(); }
  bool unwanted() const { return reader_ && reader_->done(); }
  void skip_for_ever();
  void skip_unneeded(net::Direction direction);

  void half_data(net::Direction direction, const Piece& piece) override;
  void half_gap(net::Direction direction, std::int64_t from, std::int64_t to, GapCause cause,
                Time time) override;
  void half_skipped(net::Direction direction, std::int64_t from, std::int64_t to,
                    Time time) override;
  void half_end(net::Direction direction, Time time) override;
  void half_event(HalfEvent event) override;

  ConnectionContext& context_;
  std::unique_ptr<Reader> reader_;
  Half halves_[2];
  net::Flow flow_;
  Time last_;
  std::uint32_t flow_hash_;
  std::uint16_t service_;
  bool handshake_ = false;
  bool closed_ = false;
  bool saw_bytes_[2] = {false, false};
  std::uint8_t in_spite_ = 0;  // segments since the tap was told that none is wanted
};

}  // namespace shadowtap::stream
