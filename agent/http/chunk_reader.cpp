#include "agent/http/chunk_reader.h"

namespace shadowtap::http {

ChunkReader::Read ChunkReader::byte(char c) {
  const bool ends_line = at_ == At::kSizeLf;
  if (!accepts(c)) return Read::kError;
  if (!ends_line) return Read::kMore;
  has_digit_ = false;
  line_bytes_ = 0;
  if (size_ == 0) return Read::kLast;
  at_ = At::kData;
  return Read::kMore;
}

void ChunkReader::take(std::uint64_t n) {
  size_ -= n;
  if (size_ == 0) at_ = At::kDataCr;
}

bool ChunkReader::accepts(char c) {
  switch (at_) {
    case At::kSize: return size_digit(c) || (has_digit_ && end_of_size(c));
    case At::kPadding: return end_of_size(c);
    case At::kExtension:
      if (++line_bytes_ > max_line_bytes_) return false;
      if (c == '\r') at_ = At::kSizeLf;
      return c == '\r' || c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
    case At::kSizeLf: return c == '\n';
    case At::kDataCr: at_ = At::kDataLf; return c == '\r';
    case At::kDataLf: at_ = At::kSize; return c == '\n';
    case At::kData: break;
  }
  return false;
}

// False: no digit, or a size beyond 2^60, which then ends in end_of_size() as an error.
bool ChunkReader::size_digit(char c) {
  const char lower = static_cast<char>(c | 0x20);
  const bool digit = c >= '0' && c <= '9';
  if (!digit && (lower < 'a' || lower > 'f')) return false;
  if ((size_ >> 56) != 0 || ++line_bytes_ > max_line_bytes_) return false;
  size_ = size_ * 16 + static_cast<std::uint64_t>(digit ? c - '0' : lower - 'a' + 10);
  has_digit_ = true;
  return true;
}

bool ChunkReader::end_of_size(char c) {
  if (++line_bytes_ > max_line_bytes_) return false;
  at_ = c == '\r' ? At::kSizeLf : c == ';' ? At::kExtension : At::kPadding;
  return c == '\r' || c == ';' || c == ' ' || c == '\t';
}

}  // namespace shadowtap::http
