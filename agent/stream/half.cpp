#include "agent/stream/half.h"

#include <algorithm>

#include "agent/net/sequence.h"

namespace shadowtap::stream {

const char* to_string(HalfEvent event) {
  switch (event) {
    case HalfEvent::kConflict: return "overlap_conflict";
    case HalfEvent::kFarAhead: return "far_ahead";
    case HalfEvent::kHeldTooMuch: return "held_too_much";
    case HalfEvent::kTruncated: return "truncated";
    case HalfEvent::kUrgent: return "urgent";
    case HalfEvent::kCount_: break;
  }
  return "?";
}

namespace {

// The largest window TCP can announce (RFC 7323 section 2.3): nothing honest is farther.
constexpr std::int64_t kMaxWindow = std::int64_t{1} << 30;
// The tap compares sequence numbers in 32 bits.
constexpr std::int64_t kMaxSkip = std::int64_t{1} << 30;
// What comes in spite of the wish before the wish is repeated.
constexpr std::int64_t kWishAgainBytes = 1 << 20;
constexpr std::int64_t kSequences = std::int64_t{1} << 32;

// Of its first byte: SYN counts one.
std::uint32_t first_of(const net::Segment& segment) {
  return segment.sequence + ((segment.flags & net::kSyn) != 0 ? 1 : 0);
}

std::int64_t end_of(const Piece& piece) {
  return piece.offset + static_cast<std::int64_t>(piece.bytes.size());
}

void drop_front(Piece& piece, std::int64_t until) {
  piece.bytes.remove_prefix(static_cast<std::size_t>(until - piece.offset));
  piece.offset = until;
  piece.starts_segment = false;
}

}  // namespace

void Half::start(std::uint32_t origin) {
  origin_ = origin;
  known_ = true;
}

std::int64_t Half::offset_of(std::uint32_t sequence) const {
  return net::unwrap(sequence, origin_, next_);
}

std::uint32_t Half::sequence_of(std::int64_t offset) const {
  return static_cast<std::uint32_t>(origin_ + static_cast<std::uint64_t>(offset));
}

std::int64_t Half::horizon() const { return std::max(next_, skip_until_) + kMaxWindow; }

bool Half::is_far(const net::Segment& segment) const {
  const std::int64_t offset = offset_of(first_of(segment));
  return offset > horizon() || offset + std::int64_t{segment.payload_size} < next_ - kMaxWindow;
}

void Half::pass_over(const net::Segment& segment) {
  std::int64_t end = offset_of(first_of(segment)) + std::int64_t{segment.payload_size};
  // Too far back for a copy: more than half of all sequence numbers were left out.
  if (end < 0 || end < next_ - kMaxWindow) end += kSequences;
  next_ = std::max(next_, end);
  if ((segment.flags & net::kFin) != 0 && fin_ < 0) fin_ = next_;
}

void Half::forgo(net::Direction direction, Time time, HalfListener& listener) {
  forget_held();
  if (fin_ >= 0) next_ = std::max(next_, fin_);
  finish_if_due(direction, time, listener);
}

bool Half::skip(std::int64_t until) {
  if (next_ < skip_until_ && next_ - skip_asked_ < kWishAgainBytes) return false;
  skip_until_ = std::min(until, next_ + kMaxSkip);
  skip_asked_ = next_;
  return true;
}

void Half::segment(net::Direction direction, const net::Segment& segment,
                   std::int64_t acknowledged, const HeldLimits& limits, HalfListener& listener) {
  const std::int64_t offset = offset_of(first_of(segment));
  const std::int64_t end = offset + std::int64_t{segment.payload_size};
  if ((segment.flags & net::kFin) != 0 && fin_ < 0 && end >= next_) fin_ = end;
  if (segment.payload.size() < segment.payload_size) listener.half_event(HalfEvent::kTruncated);
  // The receiver takes the urgent byte out of the stream, or not (SO_OOBINLINE): what it
  // read cannot be known.
  const bool urgent = (segment.flags & net::kUrg) != 0;
  if (urgent) listener.half_event(HalfEvent::kUrgent);
  if (!segment.payload.empty() && !urgent) {
    payload(direction, Piece{offset, segment.payload, acknowledged, true, segment.time}, limits,
            listener);
  }
  if (fin_ >= 0) pass_skipped(direction, fin_, segment.time, listener);
  finish_if_due(direction, segment.time, listener);
}

void Half::payload(net::Direction direction, Piece piece, const HeldLimits& limits,
                   HalfListener& listener) {
  if (ended_ || end_of(piece) <= next_) return;
  if (fin_ >= 0 && end_of(piece) > fin_) {
    if (piece.offset >= fin_) return;
    piece.bytes = piece.bytes.substr(0, static_cast<std::size_t>(fin_ - piece.offset));
  }
  if (piece.offset > next_) {
    pass_skipped(direction, piece.offset, piece.time, listener);
    if (end_of(piece) <= next_) return;
  }
  if (piece.offset <= next_) {
    deliver(direction, piece, listener);
    if (waiting()) pass_skipped(direction, held_->first(), piece.time, listener);
    return;
  }
  if (!held_) held_ = std::make_unique<HeldSegments>();
  if (held_->empty()) waiting_since_ = piece.time;
  const auto inserted = held_->insert(piece, limits);
  if (inserted == HeldSegments::Inserted::kConflict) listener.half_event(HalfEvent::kConflict);
  if (inserted != HeldSegments::Inserted::kRefused) return;
  listener.half_event(HalfEvent::kHeldTooMuch);
  lose_until(direction, piece.offset, GapCause::kWire, piece.time, listener);
  if (piece.offset <= next_ && end_of(piece) > next_) deliver(direction, piece, listener);
  deliver_held(direction, listener);
}

// A copy that begins before next_ and runs into a held segment: the held bytes were seen
// first, so deliver only up to them.
void Half::deliver(net::Direction direction, Piece piece, HalfListener& listener) {
  if (piece.offset < next_) drop_front(piece, next_);
  while (!piece.bytes.empty()) {
    Piece now = piece;
    if (waiting() && end_of(piece) > held_->first()) {
      const auto room = static_cast<std::size_t>(std::max<std::int64_t>(
          0, held_->first() - piece.offset));
      now.bytes = piece.bytes.substr(0, room);
    }
    if (!now.bytes.empty()) {
      tell(direction, now, listener);
    }
    deliver_held(direction, listener);
    if (end_of(piece) <= next_) return;
    drop_front(piece, next_);
  }
}

void Half::tell(net::Direction direction, Piece piece, HalfListener& listener) {
  next_ = end_of(piece);
  latest_ = piece.time = std::max(latest_, piece.time);
  listener.half_data(direction, piece);
}

void Half::deliver_held(net::Direction direction, HalfListener& listener) {
  std::string storage;
  while (waiting() && held_->first() <= next_) {
    Piece piece = held_->pop(storage);
    if (end_of(piece) <= next_) continue;
    if (piece.offset < next_) drop_front(piece, next_);
    waiting_since_ = piece.time;
    tell(direction, piece, listener);
  }
  if (held_ && held_->empty()) held_.reset();
}

void Half::lose_until(net::Direction direction, std::int64_t offset, GapCause cause, Time time,
                      HalfListener& listener) {
  while (next_ < offset) {
    const std::int64_t to = waiting() ? std::min(offset, held_->first()) : offset;
    if (to > next_) {
      const std::int64_t from = next_;
      const bool skipped = from < skip_until_;
      next_ = skipped ? std::min(to, skip_until_) : to;
      skipped ? listener.half_skipped(direction, from, next_, time)
              : listener.half_gap(direction, from, next_, cause, time);
    }
    deliver_held(direction, listener);
  }
}

void Half::pass_skipped(net::Direction direction, std::int64_t offset, Time time,
                        HalfListener& listener) {
  lose_until(direction, std::min(offset, skip_until_), GapCause::kCapture, time, listener);
}

void Half::acknowledge(net::Direction direction, std::int64_t offset, Time time,
                       HalfListener& listener) {
  if (fin_ >= 0) offset = std::min(offset, fin_);  // the FIN counts one
  if (offset <= acknowledged_ || offset > horizon()) return;
  acknowledged_ = offset;
  if (offset <= next_) return;
  lose_until(direction, offset, GapCause::kCapture, time, listener);
  finish_if_due(direction, time, listener);
}

void Half::give_up(net::Direction direction, Time time, HalfListener& listener) {
  lose_until(direction, held_->first(), GapCause::kWire, time, listener);
  finish_if_due(direction, time, listener);
}

void Half::finish_if_due(net::Direction direction, Time time, HalfListener& listener) {
  if (ended_ || fin_ < 0 || next_ < fin_) return;
  ended_ = true;
  listener.half_end(direction, time);
}

}  // namespace shadowtap::stream
