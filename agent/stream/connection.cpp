#include "agent/stream/connection.h"

namespace shadowtap::stream {
namespace {

// What comes in spite of the wish before the wish is repeated: another flow's may have
// taken its place.
constexpr std::uint8_t kAskAgainSegments = 64;

}  // namespace

using net::Direction;
using net::opposite;

const char* to_string(Closed closed) {
  switch (closed) {
    case Closed::kFinished: return "closed";
    case Closed::kReset: return "reset";
    case Closed::kReplaced: return "replaced";
    case Closed::kIdle: return "idle";
    case Closed::kEvicted: return "evicted";
    case Closed::kFlushed: return "end of input";
    case Closed::kCount_: break;
  }
  return "?";
}

Connection::Connection(const net::Segment& first, ConnectionContext& context)
    : context_(context),
      flow_(first.flow),
      last_(first.time),
      flow_hash_(first.flow_hash),
      service_(first.service) {}

void Connection::segment(const net::Segment& segment) {
  last_ = segment.time;
  Half& own = half(segment.direction);
  const bool syn = (segment.flags & net::kSyn) != 0;
  handshake_ = handshake_ || syn;
  if (!own.known()) own.start(segment.sequence + (syn ? 1 : 0));
  unwanted() ? pass_over(segment) : read(segment);
  close_if_over(segment.time);
}

void Connection::read(const net::Segment& segment) {
  const std::int64_t acknowledged = take_acknowledgment(segment);
  if ((segment.flags & net::kRst) != 0) return take_reset(segment);
  if (!segment.payload.empty() && !reader_) make_reader(segment);
  saw_bytes_[static_cast<std::size_t>(segment.direction)] |= !segment.payload.empty();
  half(segment.direction).segment(segment.direction, segment, acknowledged, context_.held, *this);
}

// The tap leaves out what it can, so that positions say little.
void Connection::pass_over(const net::Segment& segment) {
  half(segment.direction).pass_over(segment);
  if ((segment.flags & net::kRst) != 0) return close(Closed::kReset, segment.time);
  if (!segment.payload.empty() && ++in_spite_ >= kAskAgainSegments) skip_for_ever();
}

void Connection::close_if_over(Time time) {
  if (closed_) return;
  if (unwanted()) {
    for (const Direction d : {Direction::kToServer, Direction::kToClient}) {
      half(d).forgo(d, time, *this);
    }
  }
  if (halves_[0].ended() && halves_[1].ended()) close(Closed::kFinished, time);
}

// Returns the other direction's offset that the segment acknowledges, -1 if none.
std::int64_t Connection::take_acknowledgment(const net::Segment& segment) {
  if ((segment.flags & net::kAck) == 0) return -1;
  const Direction other = opposite(segment.direction);
  if (!half(other).known()) half(other).start(segment.acknowledgment);
  const std::int64_t offset = half(other).offset_of(segment.acknowledgment);
  half(other).acknowledge(other, offset, segment.time, *this);
  return offset;
}

// RFC 9293 section 3.10.7.4: a receiver takes an RST only inside its window. Where the
// window ends is unknown to us; where it begins is what it has acknowledged.
void Connection::take_reset(const net::Segment& segment) {
  const Half& own = half(segment.direction);
  const bool silent = !saw_bytes_[0] && !saw_bytes_[1];
  if (!silent && own.offset_of(segment.sequence) < own.acknowledged()) {
    context_.counters.events.add(ConnectionEvent::kBadReset);
    return;
  }
  close(Closed::kReset, segment.time);
}

void Connection::make_reader(const net::Segment& segment) {
  context_.counters.events.add(handshake_ ? ConnectionEvent::kOpened
                                          : ConnectionEvent::kMidStream);
  reader_ = context_.make({flow_, service_, flow_hash_, handshake_, segment.time});
  for (const Direction d : {Direction::kToServer, Direction::kToClient}) {
    const std::int64_t lost = half(d).next();
    if (lost > 0) half_gap(d, 0, lost, GapCause::kCapture, segment.time);
  }
}

bool Connection::replaced_by(const net::Segment& segment) const {
  const Half& own = half(segment.direction);
  if ((segment.flags & net::kSyn) != 0) return own.known() && own.origin() != segment.sequence + 1;
  if (is_far(segment)) return true;
  if (!closed_ || segment.payload.empty()) return false;
  // A copy of something the closed connection sent lies before its end.
  const std::int64_t offset = own.offset_of(segment.sequence);
  return offset < 0 || offset > own.next();
}

// An end without bytes tells of another connection as well, if nothing of what it is. Where
// the tap leaves out any number of bytes, nothing is too far.
bool Connection::is_far(const net::Segment& segment) const {
  if ((segment.flags & net::kSyn) != 0) return false;
  if (segment.payload.empty() && (segment.flags & net::kFin) == 0) return false;
  if (unwanted() && context_.tell_tap) return false;
  const Half& own = half(segment.direction);
  return own.known() && own.is_far(segment);
}

void Connection::tell_if_far(const net::Segment& segment) {
  if (is_far(segment)) half_event(HalfEvent::kFarAhead);
}

void Connection::tick(Time now, Duration hole_timeout) {
  for (const Direction d : {Direction::kToServer, Direction::kToClient}) {
    if (half(d).waiting() && now - half(d).waiting_since() >= hole_timeout) {
      half(d).give_up(d, now, *this);
    }
  }
  if (reader_ && !closed_) reader_->tick(now);
  close_if_over(now);
}

void Connection::close(Closed why, Time time) {
  closed_ = true;
  for (Half& h : halves_) h.forget_held();
  if (!reader_) return;
  context_.counters.closed.add(why);
  if (!reader_->done() && (!saw_bytes_[0] || !saw_bytes_[1])) {
    context_.counters.events.add(ConnectionEvent::kOneSided);
  }
  reader_->closed(why, time);
  reader_.reset();
}

bool Connection::busy() const {
  return !closed_ && (held_bytes() > 0 || (reader_ && reader_->busy()));
}

std::size_t Connection::held_bytes() const {
  return halves_[0].held_bytes() + halves_[1].held_bytes() + (reader_ ? reader_->held_bytes() : 0);
}

void Connection::half_data(Direction direction, const Piece& piece) {
  if (!wants_bytes()) return;
  reader_->data(direction, piece);
  reader_->done() ? skip_for_ever() : skip_unneeded(direction);
}

void Connection::skip_for_ever() {
  in_spite_ = 0;
  if (!context_.tell_tap) return;
  for (const Direction d : {Direction::kToServer, Direction::kToClient}) {
    context_.tell_tap({flow_, d, net::SkipKind::kForEver, 0, flow_hash_});
  }
}

void Connection::skip_unneeded(Direction direction) {
  const std::int64_t until = reader_->unneeded_until(direction);
  if (until == 0 || !context_.tell_tap || !half(direction).skip(until)) return;
  const std::uint32_t sequence = half(direction).sequence_of(half(direction).skip_until());
  context_.tell_tap({flow_, direction, net::SkipKind::kUntil, sequence, flow_hash_});
}

void Connection::half_gap(Direction direction, std::int64_t from, std::int64_t to, GapCause cause,
                          Time time) {
  if (!wants_bytes()) return;
  context_.counters.gaps.add(cause);
  context_.counters.gap_bytes.add(cause, static_cast<std::uint64_t>(to - from));
  reader_->gap(direction, from, to, cause, time);
  if (reader_->done()) skip_for_ever();
}

void Connection::half_skipped(Direction direction, std::int64_t from, std::int64_t to, Time time) {
  if (!wants_bytes()) return;
  context_.counters.skipped_bytes.add(static_cast<std::uint64_t>(to - from));
  reader_->skipped(direction, from, to, time);
}

void Connection::half_end(Direction direction, Time time) {
  if (reader_) reader_->end(direction, time);
}

void Connection::half_event(HalfEvent event) {
  context_.counters.half_events.add(event);
  if (reader_) reader_->event(to_string(event));
}

}  // namespace shadowtap::stream
