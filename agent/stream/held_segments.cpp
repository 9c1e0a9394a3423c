#include "agent/stream/held_segments.h"

#include <algorithm>

namespace shadowtap::stream {
namespace {

std::int64_t end_of(std::int64_t offset, std::string_view bytes) {
  return offset + static_cast<std::int64_t>(bytes.size());
}

std::string_view part(const Piece& piece, std::int64_t from, std::int64_t to) {
  return piece.bytes.substr(static_cast<std::size_t>(from - piece.offset),
                            static_cast<std::size_t>(to - from));
}

}  // namespace

HeldSegments::Inserted HeldSegments::insert(const Piece& piece, const HeldLimits& limits) {
  if (bytes_ + piece.bytes.size() > limits.bytes || segments_.size() >= limits.segments) {
    return Inserted::kRefused;
  }
  const std::int64_t end = end_of(piece.offset, piece.bytes);
  std::int64_t at = piece.offset;
  bool grew = false;
  bool conflict = false;
  auto next = segments_.upper_bound(at);
  if (next != segments_.begin()) --next;
  while (at < end) {
    while (next != segments_.end() && end_of(next->first, next->second.bytes) <= at) ++next;
    const std::int64_t free_to =
        next == segments_.end() ? end : std::min(end, std::max(at, next->first));
    if (at < free_to) {
      hold(piece, at, free_to);
      grew = true;
      at = free_to;
      continue;
    }
    const std::int64_t shared_to = std::min(end, end_of(next->first, next->second.bytes));
    const auto seen = std::string_view(next->second.bytes)
                          .substr(static_cast<std::size_t>(at - next->first),
                                  static_cast<std::size_t>(shared_to - at));
    conflict = conflict || seen != part(piece, at, shared_to);
    at = shared_to;
  }
  if (conflict) return Inserted::kConflict;
  return grew ? Inserted::kHeld : Inserted::kDuplicate;
}

void HeldSegments::hold(const Piece& piece, std::int64_t from, std::int64_t to) {
  const std::string_view bytes = part(piece, from, to);
  segments_.emplace(from, Held{std::string(bytes), piece.acknowledged,
                               piece.starts_segment && from == piece.offset, piece.time});
  bytes_ += bytes.size();
}

Piece HeldSegments::pop(std::string& storage) {
  const auto first = segments_.begin();
  Piece piece{first->first, {}, first->second.acknowledged, first->second.starts_segment,
              first->second.time};
  bytes_ -= first->second.bytes.size();
  storage = std::move(first->second.bytes);
  segments_.erase(first);
  piece.bytes = storage;
  return piece;
}

}  // namespace shadowtap::stream
