#include "agent/config/checks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "agent/base/text.h"
#include "agent/config/number.h"
#include "agent/config/values.h"

namespace shadowtap::config {
namespace {

constexpr std::array<std::string_view, 9> kMethods{"GET",    "HEAD",  "OPTIONS", "POST",   "PUT",
                                                   "DELETE", "PATCH", "TRACE",   "CONNECT"};

// Framing and our own mark, which `shadow` makes itself.
constexpr std::array<std::string_view, 3> kOurs{"content-length", "transfer-encoding", "x-shadowtap"};
constexpr std::size_t kMaxSocketPath = 107;  // sun_path with its zero

// The last colon begins the port, also behind an IPv6 address without brackets.
std::string listening_host(std::string_view address) {
  std::string_view host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

bool is_numeric(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

bool is_token_char(char c) {
  constexpr std::string_view kAllowed = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kAllowed.find(c) != std::string_view::npos;
}

}  // namespace

std::string quoted(std::string_view text) {
  return "'" + std::string(text.substr(0, 200)) + (text.size() > 200 ? "…'" : "'");
}

std::string quoted_name(std::string_view header) {
  const auto end = std::find_if_not(header.begin(), header.end(), is_token_char);
  const bool whole = end == header.end() || *end == ':';
  return config::quoted(std::string(header.begin(), end) + (whole ? "" : "…"));
}

std::string check_listen(std::string_view address) {
  if (address.starts_with("unix:/")) return check_socket_path(address.substr(5));
  const std::size_t colon = address.rfind(':');
  std::uint16_t port = 0;  // 0: any free one
  const std::string host = listening_host(address);
  if (colon != std::string_view::npos && read_number(address.substr(colon + 1), port) &&
      (host.empty() || host == "*" || host == "localhost" || is_numeric(host))) {
    return {};
  }
  return quoted(address) + " is not an address to listen on; it is numeric, or localhost "
                           "(127.0.0.1:9900, [::1]:9900)";
}

std::string check_socket_path(std::string_view path) {
  if (path.size() <= kMaxSocketPath) return {};
  return quoted(path) + " is too long for a socket's path (at most 107 bytes)";
}

bool is_loopback(std::string_view listen) {
  if (listen.starts_with("unix:")) return true;
  const std::string host = listening_host(listen);
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return host == "localhost" ||
         (::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}

std::string check_header(std::string_view header) {
  const std::size_t colon = header.find(':');
  const std::string_view name = header.substr(0, colon);
  if (colon == std::string_view::npos || !is_token(name)) {
    return quoted_name(header) + " is not a header ('Name: value')";
  }
  if (header.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return "has a line break";
  }
  const bool ours = std::any_of(kOurs.begin(), kOurs.end(), [name](std::string_view one) {
    return equal_ignoring_case(one, name);
  });
  return ours ? quoted_name(header) + " is ours to set" : "";
}

std::string check_interface(std::string_view choice) {
  constexpr std::array<std::string_view, 2> kKinds{"leaf", "host"};
  const std::size_t colon = choice.rfind(':');
  const std::string_view name = choice.substr(0, colon);
  if (name.empty() || name.size() > 15 || name.find_first_of("/ \t") != std::string_view::npos) {
    return quoted(choice) + " is not an interface (eth0, veth1:leaf, eth0:host)";
  }
  std::string kind;
  if (colon == std::string_view::npos) return {};
  return read_word(choice.substr(colon + 1), kKinds, kind);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
  });
}

std::string check_query(std::string_view name, std::string_view value) {
  if (!name.empty() && !has_control(name) && !has_control(value)) return {};
  return quoted_name(name) + " has no name, or a space or control character: give it encoded (%20)";
}

std::string check_route(std::string_view route) {
  const std::size_t semicolon = route.rfind(';');
  if (semicolon != std::string_view::npos && semicolon != 0 && semicolon + 1 != route.size()) return {};
  return quoted(route) + " is not 'pattern;name'";
}

std::string check_report(std::string_view path) {
  for (const std::string_view suffix : {".txt", ".md", ".json", ".html", ".xml"}) {
    if (path.ends_with(suffix)) return {};
  }
  return quoted(path) + " has none of the suffixes .txt .md .json .html .xml";
}

std::string check_method(std::string_view method) {
  if (!is_token(method)) return quoted(method) + " is not an HTTP method";
  for (const std::string_view known : kMethods) {
    if (method == known || !equal_ignoring_case(method, known)) continue;
    return quoted(method) + " is not '" + std::string(known) + "': methods are upper-case";
  }
  return {};
}

std::string check_pattern(std::string_view pattern) {
  const re2::RE2 compiled(re2::StringPiece(pattern.data(), pattern.size()), re2::RE2::Quiet);
  if (compiled.ok()) return {};
  return quoted(pattern) + " is not a regular expression: " + compiled.error();
}

std::string check_cookie(std::string_view name) {
  return is_token(name) ? "" : quoted(name) + " is not a cookie's name";
}

std::string check_plain_path(std::string_view path) {
  static const re2::RE2 kForm(R"(\$(\.[^.\[\]'"*\s]+|\[\d+\]|\['[^'\[\].]+'\])+)");
  if (re2::RE2::FullMatch(re2::StringPiece(path.data(), path.size()), kForm)) return {};
  return quoted(path) + " is not the path of one value ($.session.token, $.items[0].id)";
}

std::string check_time(std::string_view time) {
  static const re2::RE2 kForm(
      R"(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:\d\d))");
  if (re2::RE2::FullMatch(re2::StringPiece(time.data(), time.size()), kForm)) return {};
  return quoted(time) + " is not a time (2026-12-31T00:00:00Z)";
}

std::string check_duration(std::string_view duration) {
  if (parse_duration(duration)) return {};
  return quoted(duration) + " is not a duration (500ms, 5s, 1h; at most 3650d)";
}

std::string check_service_name(std::string_view name) {
  const bool good = !name.empty() && name.size() <= 63 &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                             (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
                    });
  return good ? "" : quoted(name) + " is not a name (letters, digits, '-', '_', '.'; at most 63)";
}

}  // namespace shadowtap::config
