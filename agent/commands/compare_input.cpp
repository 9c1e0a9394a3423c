#include "agent/commands/compare_input.h"

#include <cerrno>
#include <fstream>
#include <sstream>

#include "agent/commands/http_get.h"
#include "agent/http/decode.h"
#include "agent/http/response_parser.h"

namespace shadowtap::commands {
namespace {

constexpr std::size_t kMaxBody = std::size_t{1} << 30;

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return errno_error("read " + path);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  // An empty file sets the failbit of `bytes`; only the input's own trouble counts.
  if (in.bad() || (in.fail() && !in.eof())) return errno_error("read " + path, EIO);
  return std::move(bytes).str();
}

Result<http::Response> parse_response(std::string_view bytes, const std::string& path) {
  using State = http::ResponseParser::State;
  http::ParserOptions options;
  options.max_body_bytes = kMaxBody;
  http::ResponseParser parser(options);
  parser.start("GET");
  State state = parser.feed(bytes).state;
  if (state == State::kNeedsMore) state = parser.finish();
  if (state != State::kComplete) {
    return plain_error(path + ": begins like an HTTP response and is none: " + parser.error());
  }
  return parser.take();
}

void views(const http::HeaderList& from, std::vector<diff::HeaderLine>& to) {
  to.clear();
  for (std::size_t i = 0; i < from.size(); ++i) to.push_back({from.name(i), from.value(i)});
}

}  // namespace

Result<CompareInput> CompareInput::load(const std::string& source,
                                        const std::string& content_type, Duration timeout) {
  if (source.find("://") == std::string::npos) return from_file(source, content_type);
  auto response = http_get(source, timeout);
  if (!response) return response.error();
  return from_response(std::move(*response), source);
}

Result<CompareInput> CompareInput::from_file(const std::string& path,
                                             const std::string& content_type) {
  auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  if (bytes->starts_with("HTTP/1.")) {
    auto response = parse_response(*bytes, path);
    if (!response) return response.error();
    return from_response(std::move(*response), path);
  }
  CompareInput input;
  input.body_only_ = true;
  input.response_.body.size = bytes->size();
  input.response_.body.bytes = std::move(*bytes);
  if (!content_type.empty()) input.response_.headers.append("Content-Type", content_type);
  return input;
}

Result<CompareInput> CompareInput::from_response(http::Response response,
                                                 const std::string& source) {
  if (!response.body.whole()) return plain_error(source + ": the body is larger than 1 GiB");
  CompareInput input;
  input.response_ = std::move(response);
  const std::string coding(input.response_.headers.find("Content-Encoding").value_or(""));
  if (coding.empty()) return input;
  auto decoded = http::decode_body(coding, input.response_.body.bytes, kMaxBody);
  // What cannot be decoded is compared as the bytes it is.
  if (decoded.outcome != http::Decoding::kDecoded) return input;
  input.response_.body.bytes = std::move(decoded.bytes);
  input.coding_ = coding;
  return input;
}

diff::ResponseView CompareInput::view() const {
  views(response_.headers, headers_);
  views(response_.trailers, trailers_);
  diff::ResponseView view;
  view.status = body_only_ ? 0 : response_.status;
  view.headers = headers_;
  view.trailers = trailers_;
  view.body = response_.body.bytes;
  view.coding = coding_;
  return view;
}

}  // namespace shadowtap::commands
