// The framing of a chunked body, byte by byte (RFC 9112 section 7.1). What becomes of the
// data, and the trailers behind the last chunk, are the owner's. Not thread-safe.
//
//   at        | reads                      | then
//   size      | hex digits                 | size; after one also as padding
//   padding   | space, tab; ';'; CR        | padding; extension; size LF
//   extension | anything printable; CR     | extension; size LF
//   size LF   | LF                         | data; after size 0: the last chunk
//   data      | `left()` bytes, by take()  | data CR
//   data CR   | CR                         | data LF
//   data LF   | LF                         | size
//
// Anything else is an error. Padding is no part of the RFC, and harmless, since only the end
// of the line can follow.
#pragma once

#include <cstddef>
#include <cstdint>

namespace shadowtap::http {

class ChunkReader {
 public:
  enum class Read : std::uint8_t { kMore, kLast, kError };

  // A line of a size and its extensions may have `max_line_bytes`.
  void start(std::size_t max_line_bytes) { *this = {}, max_line_bytes_ = max_line_bytes; }

  // Requires !in_data(). kLast: trailers follow.
  Read byte(char c);
  bool in_data() const { return at_ == At::kData; }
  // Data bytes of this chunk that are still to come; 0 outside of data.
  std::uint64_t left() const { return in_data() ? size_ : 0; }
  // Requires n <= left().
  void take(std::uint64_t n);

 private:
  enum class At : std::uint8_t { kSize, kPadding, kExtension, kSizeLf, kData, kDataCr, kDataLf };
  bool accepts(char c);
  bool size_digit(char c);
  bool end_of_size(char c);

  std::uint64_t size_ = 0;
  std::size_t line_bytes_ = 0;
  std::size_t max_line_bytes_ = 0;
  At at_ = At::kSize;
  bool has_digit_ = false;
};

}  // namespace shadowtap::http
