#include "agent/http/decode.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "agent/base/text.h"

namespace shadowtap::http {
namespace {

constexpr std::size_t kBlock = 64 << 10;
constexpr std::size_t kFirstBlock = 1 << 10;  // of a gzip member, since there may be 50,000
constexpr std::size_t kMaxCodings = 4;
// RFC 9659: zstd as a content coding has a window of at most 8 MiB.
constexpr int kZstdWindowLog = 23;

// The next piece of `out` to write into: at most a block, and one byte past `max`, so that
// reaching the bound and passing it can be told apart.
struct Room {
  Room(std::string& into, std::size_t max, std::size_t block = kBlock)
      : out(into), before(into.size()) {
    out.resize(std::min(before + block, max + 1));
  }
  std::uint8_t* data() { return reinterpret_cast<std::uint8_t*>(out.data()) + before; }
  std::size_t size() const { return out.size() - before; }
  // False: the bound was passed; `out` is cut to it.
  bool written(std::size_t n, std::size_t max) {
    out.resize(std::min(before + n, max));
    return before + n <= max;
  }

  std::string& out;
  std::size_t before;
};

const std::uint8_t* begin_of(std::string_view bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

struct Inflater {
  explicit Inflater(int window_bits) { ok = inflateInit2(&stream, window_bits) == Z_OK; }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream stream{};
  bool ok = false;
};

// One zlib, gzip or raw stream. `rest` becomes what follows it.
Decoding inflate_one(Inflater& inflater, std::string_view& rest, std::string& out,
                     std::size_t max) {
  if (!inflater.ok) return Decoding::kCorrupt;
  z_stream& z = inflater.stream;
  int result = Z_OK;
  for (std::size_t block = kFirstBlock; result == Z_OK; block = std::min(2 * block, kBlock)) {
    const auto given = static_cast<uInt>(std::min<std::size_t>(rest.size(), 1U << 30));
    z.next_in = const_cast<Bytef*>(begin_of(rest));  // zlib does not write to it
    z.avail_in = given;
    Room room(out, max, block);
    z.next_out = room.data();
    z.avail_out = static_cast<uInt>(room.size());
    const uInt offered = z.avail_out;
    result = inflate(&z, Z_NO_FLUSH);
    rest.remove_prefix(given - z.avail_in);
    const bool within = room.written(offered - z.avail_out, max);
    if (!within) return Decoding::kTooLarge;
    if (result == Z_OK && rest.empty() && z.avail_out > 0) return Decoding::kCorrupt;
  }
  return result == Z_STREAM_END ? Decoding::kDecoded : Decoding::kCorrupt;
}

// RFC 1952 section 2.2: members may follow one another. What follows and is no member is
// padding, as gzip itself takes it.
Decoding gunzip(std::string_view bytes, std::string& out, std::size_t max) {
  Inflater gzip(16 + MAX_WBITS);
  do {
    const Decoding outcome = inflate_one(gzip, bytes, out, max);
    if (outcome != Decoding::kDecoded) return outcome;
    inflateReset(&gzip.stream);
  } while (bytes.substr(0, 2) == "\x1f\x8b");
  return Decoding::kDecoded;
}

// RFC 9110 section 8.4.1.2 means zlib's wrapper; many servers send raw deflate.
Decoding inflate_either(std::string_view bytes, std::string& out, std::size_t max) {
  const bool wrapped = bytes.size() >= 2 && (bytes[0] & 0x0f) == Z_DEFLATED &&
                       ((begin_of(bytes)[0] << 8) | begin_of(bytes)[1]) % 31 == 0;
  std::string_view rest = bytes;
  if (wrapped) {
    Inflater wrapper(MAX_WBITS);
    const Decoding outcome = inflate_one(wrapper, rest, out, max);
    if (outcome != Decoding::kCorrupt || !out.empty()) return outcome;
  }
  rest = bytes;
  Inflater raw(-MAX_WBITS);
  return inflate_one(raw, rest, out, max);
}

Decoding unbrotli(std::string_view bytes, std::string& out, std::size_t max) {
  const std::unique_ptr<BrotliDecoderState, void (*)(BrotliDecoderState*)> state(
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance);
  const std::uint8_t* in = begin_of(bytes);
  std::size_t left = bytes.size();
  BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
  while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
    Room room(out, max);
    std::uint8_t* to = room.data();
    std::size_t space = room.size();
    const std::size_t offered = space;
    result = BrotliDecoderDecompressStream(state.get(), &left, &in, &space, &to, nullptr);
    if (!room.written(offered - space, max)) return Decoding::kTooLarge;
  }
  return result == BROTLI_DECODER_RESULT_SUCCESS ? Decoding::kDecoded : Decoding::kCorrupt;
}

Decoding unzstd(std::string_view bytes, std::string& out, std::size_t max) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                        ZSTD_freeDCtx);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kZstdWindowLog);
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  while (true) {
    Room room(out, max);
    ZSTD_outBuffer to{room.data(), room.size(), 0};
    const std::size_t offered = to.size;
    const std::size_t left = ZSTD_decompressStream(context.get(), &to, &in);
    const bool within = room.written(to.pos, max);
    if (ZSTD_isError(left) != 0) return Decoding::kCorrupt;
    if (!within) return Decoding::kTooLarge;
    // Asked once more behind a frame's end, it would wait for another frame.
    if (left == 0 && in.pos == in.size) return Decoding::kDecoded;
    if (in.pos == in.size && to.pos < offered) return Decoding::kCorrupt;
  }
}

using Decoder = Decoding (*)(std::string_view, std::string&, std::size_t);

Decoder decoder_of(std::string_view coding) {
  static constexpr std::array<std::pair<std::string_view, Decoder>, 6> kDecoders{
      {{"gzip", gunzip},
       {"x-gzip", gunzip},
       {"deflate", inflate_either},
       {"br", unbrotli},
       {"zstd", unzstd},
       {"identity", nullptr}}};
  for (const auto& [name, decoder] : kDecoders) {
    if (equal_ignoring_case(name, coding)) return decoder;
  }
  return nullptr;
}

// The codings in the order they were applied, without identity.
std::vector<std::string_view> codings_of(std::string_view list) {
  std::vector<std::string_view> codings;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view one = list.substr(0, comma);
    list.remove_prefix(std::min(list.size(), comma + 1));
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
    if (!one.empty() && !equal_ignoring_case(one, "identity")) codings.push_back(one);
  }
  return codings;
}

}  // namespace

const char* to_string(Decoding decoding) {
  switch (decoding) {
    case Decoding::kDecoded: return "decoded";
    case Decoding::kUnknownCoding: return "unknown coding";
    case Decoding::kCorrupt: return "corrupt";
    case Decoding::kTooLarge: return "too large";
  }
  return "?";
}

DecodedBody decode_body(std::string_view content_encoding, std::string_view bytes,
                        std::size_t max_bytes) {
  const std::vector<std::string_view> codings = codings_of(content_encoding);
  if (codings.size() > kMaxCodings) return {Decoding::kUnknownCoding, {}};
  for (const std::string_view coding : codings) {
    if (decoder_of(coding) == nullptr) return {Decoding::kUnknownCoding, {}};
  }
  if (codings.empty() || bytes.empty()) {
    const bool fits = bytes.size() <= max_bytes;
    return {fits ? Decoding::kDecoded : Decoding::kTooLarge,
            std::string(bytes.substr(0, max_bytes))};
  }
  DecodedBody result;
  std::string input;
  for (auto coding = codings.rbegin(); coding != codings.rend(); ++coding) {
    std::string output;
    result.outcome = decoder_of(*coding)(bytes, output, max_bytes);
    input = std::move(output);
    bytes = input;
    if (result.outcome != Decoding::kDecoded) break;
  }
  result.bytes = std::move(input);
  return result;
}

}  // namespace shadowtap::http
