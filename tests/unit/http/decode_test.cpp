#include "agent/http/decode.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

namespace shadowtap::http {
namespace {

constexpr std::size_t kMax = 1 << 20;

std::string deflated(std::string_view text, int window_bits) {
  z_stream z{};
  deflateInit2(&z, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY);
  std::string out(text.size() + 1024, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}
std::string gzipped(std::string_view text) { return deflated(text, 16 + MAX_WBITS); }

std::string zstandard(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

// "hello, hello, hello" as one brotli stream (RFC 7932).
const std::string kBrotli("\x0b\x09\x80\x68\x65\x6c\x6c\x6f\x2c\x20\x68\x65\x6c\x6c\x6f\x2c\x20\x68"
                          "\x65\x6c\x6c\x6f\x03", 23);

TEST(Decode, EachCodingAloneStackedAndInAnyCase) {
  const std::string text(100'000, 'x');
  const struct {
    const char* coding;
    std::string bytes;
  } cases[] = {
      {"", text},
      {"identity", text},
      {"gzip", gzipped(text)},
      {"X-GZIP", gzipped(text)},
      {"gzip", gzipped(text.substr(0, 10)) + gzipped(text.substr(10))},
      {"gzip", gzipped(text) + std::string(5, '\0')},
      {"deflate", deflated(text, MAX_WBITS)},
      {"deflate", deflated(text, -MAX_WBITS)},
      {"zstd", zstandard(text)},
      {"zstd, identity , gzip", gzipped(zstandard(text))},
  };
  for (const auto& c : cases) {
    const DecodedBody body = decode_body(c.coding, c.bytes, kMax);
    EXPECT_EQ(body.outcome, Decoding::kDecoded) << c.coding;
    EXPECT_EQ(body.bytes, text) << c.coding;
  }
}

TEST(Decode, ContentThatFillsWholeBlocks) {
  for (const std::size_t size : {65'536U, 131'072U, 196'608U}) {
    const std::string text(size, 'x');
    for (const auto& [coding, bytes] :
         {std::pair{"gzip", gzipped(text)}, {"deflate", deflated(text, -MAX_WBITS)},
          {"zstd", zstandard(text)}, {"zstd", zstandard(text) + zstandard("")}}) {
      const DecodedBody body = decode_body(coding, bytes, kMax);
      EXPECT_EQ(body.outcome, Decoding::kDecoded) << coding << size;
      EXPECT_EQ(body.bytes, text) << coding << size;
    }
    std::string cut = zstandard(text);
    cut.pop_back();
    EXPECT_EQ(decode_body("zstd", cut, kMax).outcome, Decoding::kCorrupt);
  }
}

TEST(Decode, Brotli) {
  const DecodedBody body = decode_body("br", kBrotli, kMax);
  EXPECT_EQ(body.outcome, Decoding::kDecoded);
  EXPECT_EQ(body.bytes, "hello, hello, hello");
}

TEST(Decode, ABombStopsAtTheBound) {
  const std::string zeros(8 << 20, '\0');
  for (const auto& [coding, bytes] :
       {std::pair{"gzip", gzipped(zeros)}, {"deflate", deflated(zeros, MAX_WBITS)},
        {"zstd", zstandard(zeros)}, {"gzip, gzip", gzipped(gzipped(zeros))}}) {
    const DecodedBody body = decode_body(coding, bytes, 1000);
    EXPECT_EQ(body.outcome, Decoding::kTooLarge) << coding;
    EXPECT_LE(body.bytes.size(), 1000U) << coding;
  }
}

TEST(Decode, ManyMembersOfNothingAreNothing) {
  const std::string_view member("\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", 20);
  std::string body;
  for (int i = 0; i < 50'000; ++i) body += member;
  const DecodedBody decoded = decode_body("gzip", body, 1 << 20);
  EXPECT_EQ(decoded.outcome, Decoding::kDecoded);
  EXPECT_EQ(decoded.bytes, "");
}

TEST(Decode, ExactlyTheBoundIsNotTooLarge) {
  const std::string text(1000, 'x');
  EXPECT_EQ(decode_body("gzip", gzipped(text), 1000).outcome, Decoding::kDecoded);
  EXPECT_EQ(decode_body("gzip", gzipped(text), 999).outcome, Decoding::kTooLarge);
  EXPECT_EQ(decode_body("zstd", zstandard(text), 1000).outcome, Decoding::kDecoded);
  EXPECT_EQ(decode_body("zstd", zstandard(text), 999).outcome, Decoding::kTooLarge);
  EXPECT_EQ(decode_body("br", kBrotli, 19).outcome, Decoding::kDecoded);
  EXPECT_EQ(decode_body("br", kBrotli, 18).outcome, Decoding::kTooLarge);
}

TEST(Decode, DamageAndEarlyEndAreCorruptWithWhatCameOut) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i * 7919);
  for (const auto& [coding, bytes] : {std::pair{"gzip", gzipped(text)}, {"zstd", zstandard(text)}}) {
    const DecodedBody cut = decode_body(coding, bytes.substr(0, bytes.size() / 2), kMax);
    EXPECT_EQ(cut.outcome, Decoding::kCorrupt) << coding;
    EXPECT_EQ(cut.bytes, text.substr(0, cut.bytes.size())) << coding;
    EXPECT_EQ(decode_body(coding, "no such thing", kMax).outcome, Decoding::kCorrupt) << coding;
  }
  EXPECT_EQ(decode_body("br", kBrotli.substr(0, 9), kMax).outcome, Decoding::kCorrupt);
}

TEST(Decode, UnknownCodingsAndTooManyAreSaid) {
  EXPECT_EQ(decode_body("compress", "x", kMax).outcome, Decoding::kUnknownCoding);
  EXPECT_EQ(decode_body("gzip, lzma", "x", kMax).outcome, Decoding::kUnknownCoding);
  EXPECT_EQ(decode_body("gzip,gzip,gzip,gzip,gzip", "x", kMax).outcome, Decoding::kUnknownCoding);
}

TEST(Charset, IsFoundInAContentType) {
  EXPECT_EQ(charset_of("text/html; q=1; Charset=\"ISO-8859-1\""), "iso-8859-1");
  EXPECT_EQ(charset_of("text/html;charset = utf-8 ;x=y"), "utf-8");
  EXPECT_EQ(charset_of("text/html"), "");
  EXPECT_EQ(charset_of("text/html; charset"), "");
}

TEST(Charset, ConvertsWhatItKnowsAndRefusesTheRest) {
  EXPECT_EQ(to_utf8("iso-8859-1", "caf\xe9"), "caf\xc3\xa9");
  EXPECT_EQ(to_utf8("utf-16le", std::string_view("\xff\xfeh\0i\0", 6)), "hi");
  EXPECT_EQ(to_utf8("", "\xef\xbb\xbfhi"), "hi");
  EXPECT_EQ(to_utf8("Shift_JIS", "\x83\x65"), "\xe3\x83\x86");
  EXPECT_EQ(to_utf8("", "\xff"), std::nullopt);
  EXPECT_EQ(to_utf8("utf-7", "x"), std::nullopt);
  EXPECT_EQ(to_utf8("../../x", "x"), std::nullopt);
}

}  // namespace
}  // namespace shadowtap::http
