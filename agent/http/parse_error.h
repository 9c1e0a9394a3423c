// Why bytes are not a message we read. A closed set, for counters and listings.
#pragma once

#include <cstdint>

namespace shadowtap::http {

enum class ParseError : std::uint8_t {
  kNone,
  kTls,           // a TLS record where a request should begin
  kHttp2,         // the HTTP/2 connection preface
  kNotHttp,       // no method token, no "HTTP/"
  kHttp09,        // a request without a version: its answer has no head
  kHeadTooLarge,  // start line and header lines, or trailers
  kTooManyLines,
  kSyntax,        // a start line or header that RFC 9112 does not allow
  kFraming,       // the body's length is ambiguous or not a length (RFC 9112 section 6.3)
  kChunk,         // a damaged chunk
  kEarlyEnd,      // closed in the middle of a message
  kTooManyInterim,
  kCount_,
};
const char* to_string(ParseError error);

}  // namespace shadowtap::http
