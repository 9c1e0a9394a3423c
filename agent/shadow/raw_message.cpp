#include "agent/shadow/raw_message.h"

#include <fmt/format.h>

#include <iterator>

#include "agent/http/message_parser.h"

namespace shadowtap::shadow {
namespace {

constexpr std::size_t kMaxBody = 64 << 20;

void append_lines(std::string& out, const http::HeaderList& lines) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    out.append(lines.name(i)).append(": ").append(lines.value(i)).append("\r\n");
  }
  out.append("\r\n");
}

void append_rest(std::string& out, const http::HeaderList& headers, const http::Body& body,
                 bool chunked, const http::HeaderList& trailers) {
  append_lines(out, headers);
  if (!chunked) {
    out.append(body.bytes);
    return;
  }
  if (!body.bytes.empty()) {
    fmt::format_to(std::back_inserter(out), "{:x}\r\n", body.bytes.size());
    out.append(body.bytes).append("\r\n");
  }
  out.append("0\r\n");
  append_lines(out, trailers);
}

}  // namespace

std::string raw_bytes(const http::Request& request) {
  std::string out = fmt::format("{} {} HTTP/{}.{}\r\n", request.method, request.target,
                                request.version.major, request.version.minor);
  append_rest(out, request.headers, request.body, request.chunked, request.trailers);
  return out;
}

std::string raw_bytes(const http::Response& response) {
  std::string out = fmt::format("HTTP/{}.{} {} {}\r\n", response.version.major,
                                response.version.minor, response.status, response.reason);
  append_rest(out, response.headers, response.body, response.chunked, response.trailers);
  return out;
}

std::optional<http::Request> parse_request(std::string_view bytes) {
  http::ParserOptions options;
  options.max_body_bytes = kMaxBody;
  http::MessageParser parser(options);
  parser.start_request();
  const auto progress = parser.feed(bytes);
  if (progress.state != http::MessageParser::State::kComplete) return std::nullopt;
  if (progress.consumed != bytes.size()) return std::nullopt;
  return std::move(parser.request());
}

}  // namespace shadowtap::shadow
