// The first byte chooses the request's method and the cut; the rest is an answer. In one
// piece or in two, it must be read alike.
#include <cstdint>
#include <string_view>

#include "agent/http/message_parser.h"
#include "agent/http/response_parser.h"
#include "tests/fuzz/checked_sink.h"

using namespace shadowtap;
using http::ResponseParser;

namespace {

http::ParserOptions small_bounds() {
  http::ParserOptions options;
  options.max_head_bytes = 4096;
  options.max_header_lines = 64;
  options.max_body_bytes = 256;
  return options;
}

struct Result {
  ResponseParser::State state;
  std::size_t consumed;
  std::uint64_t body;
  int status;
};

Result read(std::string_view method, std::string_view bytes, std::size_t cut) {
  ResponseParser parser(small_bounds());
  parser.start(method);
  std::size_t used = parser.feed(bytes.substr(0, cut)).consumed;
  if (parser.state() == ResponseParser::State::kNeedsMore) {
    used += parser.feed(bytes.substr(used)).consumed;
  }
  const auto state = parser.finish();
  if (state != ResponseParser::State::kComplete) return {state, 0, 0, 0};
  const http::Response response = parser.take();
  fuzz::require(response.body.bytes.size() <= 256);
  return {state, used, response.body.size, response.status};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static constexpr std::string_view kMethods[] = {"GET", "HEAD", "CONNECT", "POST"};
  const std::string_view method = kMethods[data[0] & 3];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Result whole = read(method, bytes, bytes.size());
  const Result cut = read(method, bytes, bytes.empty() ? 0 : data[1] % bytes.size());
  fuzz::require(whole.state == cut.state && whole.consumed == cut.consumed &&
                whole.body == cut.body && whole.status == cut.status);
  http::MessageParser request(small_bounds());
  request.start_request();
  request.feed(bytes);
  fuzz::require(request.held_bytes() < (256U << 10));
  return 0;
}
