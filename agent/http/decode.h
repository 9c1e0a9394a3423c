// Undoes a body's content coding (RFC 9110 section 8.4) and its charset, when a diff or
// a page needs the content. Bounded: the output never grows past max_bytes, and the
// number of stacked codings is limited, so that a small body cannot blow up.
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shadowtap::http {

enum class Decoding : std::uint8_t {
  kDecoded,        // `bytes` is the content (also where there was no coding)
  kUnknownCoding,  // `bytes` is empty: compare what was on the wire
  kCorrupt,        // `bytes` is what came out before the damage or the early end
  kTooLarge,       // `bytes` is the first max_bytes
};
const char* to_string(Decoding decoding);

struct DecodedBody {
  Decoding outcome = Decoding::kDecoded;
  std::string bytes;
};

// `content_encoding` is the header's value ("gzip", "deflate", "br", "zstd", "identity",
// a list of up to 4 of these in the order they were applied; "" for none). Deflate is
// read with and without its zlib wrapper, since both are out there.
[[nodiscard]] DecodedBody decode_body(std::string_view content_encoding, std::string_view bytes,
                                      std::size_t max_bytes);

// The charset parameter of a Content-Type, lower case, unquoted; "" if there is none.
std::string charset_of(std::string_view content_type);

// `bytes` as UTF-8. Nothing if the charset is not one we know (a fixed list: IANA's
// Unicode, ISO-8859, Windows, KOI8, GB, Big5, EUC and Shift_JIS names) or the bytes are not
// valid in it. A byte-order mark is dropped. "" counts as utf-8.
[[nodiscard]] std::optional<std::string> to_utf8(std::string_view charset,
                                                 std::string_view bytes);

}  // namespace shadowtap::http
