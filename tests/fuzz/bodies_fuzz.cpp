// The first byte chooses the coding, the second the bound; the rest is the body.
#include <cstdint>
#include <string_view>

#include "agent/http/decode.h"
#include "tests/fuzz/checked_sink.h"

using namespace shadowtap;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static constexpr std::string_view kCodings[] = {"gzip",       "deflate",        "br", "zstd",
                                                  "gzip, gzip", "zstd, br, gzip", "",   "x"};
  static constexpr std::string_view kCharsets[] = {"utf-8", "utf-16",  "shift_jis", "gb18030",
                                                   "big5",  "euc-kr", "iso-8859-7", "koi8-r"};
  const std::size_t max = std::size_t{data[1]} * 64;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto body = http::decode_body(kCodings[data[0] & 7], bytes, max);
  fuzz::require(body.bytes.size() <= max);
  const auto text = http::to_utf8(kCharsets[(data[0] >> 3) & 7], bytes);
  fuzz::require(!text || http::to_utf8("utf-8", *text).has_value());
  http::charset_of(bytes);
  return 0;
}
