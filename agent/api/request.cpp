#include "agent/api/request.h"

#include <optional>
#include <string_view>

namespace shadowtap::api {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 3986 percent-decoding; in a query `+` is a space (HTML forms).
std::optional<std::string> decode(std::string_view text, bool in_query) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += in_query && text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string_view next_part(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return part;
}

}  // namespace

bool Request::set_target(std::string_view target) {
  path.clear();
  query.clear();
  if (target.empty() || target.front() != '/') return false;
  target = target.substr(0, target.find('#'));
  std::string_view pairs = target;
  std::string_view segments = next_part(pairs, '?').substr(1);
  while (!segments.empty()) {
    auto segment = decode(next_part(segments, '/'), false);
    if (!segment) return false;
    path.push_back(std::move(*segment));
  }
  while (!pairs.empty()) {
    std::string_view value = next_part(pairs, '&');
    if (value.empty()) continue;
    auto name = decode(next_part(value, '='), true);
    auto decoded = decode(value, true);
    if (!name || !decoded) return false;
    query.emplace_back(std::move(*name), std::move(*decoded));
  }
  return true;
}

}  // namespace shadowtap::api
