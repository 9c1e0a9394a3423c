#include "agent/files/gor_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "agent/base/ascii.h"

namespace shadowtap::files {
namespace {

constexpr std::size_t kMaxId = 64;

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  while (!line.empty() && out.size() < 5) {
    const std::size_t space = std::min(line.find(' '), line.size());
    out.push_back(line.substr(0, space));
    line.remove_prefix(std::min(line.size(), space + 1));
  }
  return out;
}

void add_headers(std::string& out, const http::HeaderList& headers) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    out.append(headers.name(i)).append(": ").append(headers.value(i)).append("\r\n");
  }
  out += "\r\n";
}

void add_body(std::string& out, const http::Body& body, bool chunked,
              const http::HeaderList& trailers) {
  if (!chunked) {
    out += body.bytes;
    return;
  }
  if (!body.bytes.empty()) out += fmt::format("{:x}\r\n", body.bytes.size()) + body.bytes + "\r\n";
  out += "0\r\n";
  add_headers(out, trailers);
}

}  // namespace

std::optional<GorMeta> parse_gor_meta(std::string_view line) {
  const std::vector<std::string_view> parts = words(line);
  if (parts.size() < 3 || parts.size() > 4 || parts[0].size() != 1) return std::nullopt;
  const char type = parts[0][0];
  const std::string_view id = parts[1];
  const bool good_id = !id.empty() && id.size() <= kMaxId && std::all_of(id.begin(), id.end(), is_hex);
  const auto time = number(parts[2]);
  const auto latency = parts.size() == 4 ? number(parts[3]) : 0;
  if (type < '1' || type > '3' || !good_id || !time || !latency) return std::nullopt;
  return GorMeta{type, std::string(id), *time, *latency};
}

std::string format_gor_meta(const GorMeta& meta) {
  return fmt::format("{} {} {} {}\n", meta.type, meta.id, meta.time_ns, meta.latency_ns);
}

std::string to_wire(const http::Request& request) {
  std::string out = fmt::format("{} {} HTTP/{}.{}\r\n", request.method, request.target,
                                request.version.major, request.version.minor);
  add_headers(out, request.headers);
  add_body(out, request.body, request.chunked, request.trailers);
  return out;
}

std::string to_wire(const http::Response& response) {
  std::string out = fmt::format("HTTP/{}.{} {:03} {}\r\n", response.version.major,
                                response.version.minor, response.status, response.reason);
  add_headers(out, response.headers);
  add_body(out, response.body, response.chunked, response.trailers);
  return out;
}

}  // namespace shadowtap::files
