// The segments of one direction that arrived behind a hole, in order and without
// overlap. Where copies of a byte disagree, the first one seen wins.
//
// Knows nothing of sequence numbers or of time-outs. Not thread-safe; owned by one Half.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "agent/stream/reader.h"

namespace shadowtap::stream {

struct HeldLimits {
  std::size_t bytes = 1 << 20;
  std::size_t segments = 2048;
};

class HeldSegments {
 public:
  enum class Inserted : std::uint8_t {
    kHeld,       // at least one byte was new
    kDuplicate,  // nothing new
    kConflict,   // as kHeld or kDuplicate, but a byte differs from the copy seen first
    kRefused,    // would pass a limit; nothing changed
  };
  [[nodiscard]] Inserted insert(const Piece& piece, const HeldLimits& limits);

  bool empty() const { return segments_.empty(); }
  // Offset of the first held byte. Not when empty().
  std::int64_t first() const { return segments_.begin()->first; }
  // Takes the first segment out; the piece views `storage`.
  Piece pop(std::string& storage);

  std::size_t bytes() const { return bytes_; }

 private:
  struct Held {
    std::string bytes;
    std::int64_t acknowledged;
    bool starts_segment;
    Time time;
  };
  void hold(const Piece& piece, std::int64_t from, std::int64_t to);

  std::map<std::int64_t, Held> segments_;
  std::size_t bytes_ = 0;
};

}  // namespace shadowtap::stream
