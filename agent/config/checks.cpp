#include "agent/config/checks.h"

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

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  return read_number(text, port) && port != 0;
}

// "host", "host:port", "[v6]:port"; the port may be left out.
Complaint check_authority(std::string_view authority) {
  const std::size_t user = authority.rfind('@');
  if (user != std::string_view::npos) authority.remove_prefix(user + 1);
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return "has '[' without ']'";
    port = authority.substr(close + 1);
    authority = authority.substr(1, close - 1);
  } else if (const std::size_t colon = authority.find(':'); colon != std::string_view::npos) {
    port = authority.substr(colon);
    authority = authority.substr(0, colon);
  }
  if (authority.empty()) return "has no host";
  if (authority.find_first_of(" \t\"<>\\^`{|}") != std::string_view::npos) {
    return "has a host that is none";
  }
  if (!port.empty() && (port.front() != ':' || !is_port(port.substr(1)))) {
    return "has a port that is not in 1–65535";
  }
  return {};
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
  });
}

std::string_view authority_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

}  // namespace

std::string quoted(std::string_view text) {
  return "'" + std::string(text.substr(0, 200)) + (text.size() > 200 ? "…'" : "'");
}

std::string check_url(std::string_view url) {
  if (has_control(url)) return quoted(url) + " has a space or control character";
  if (url.starts_with("unix:")) {
    return url.starts_with("unix:/") ? std::string() : quoted(url) + " needs an absolute path";
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!url.starts_with(scheme)) continue;
    if (url.find_first_of("?#") != std::string_view::npos) {
      return quoted(url) + " has a query or fragment; give a base path only";
    }
    const std::string_view rest = url.substr(scheme.size());
    const std::string wrong = check_authority(rest.substr(0, rest.find('/')));
    return wrong.empty() ? wrong : quoted(url) + " " + wrong;
  }
  return quoted(url) + " is not a URL of a target (http://host:port, https://…, unix:/path)";
}

std::string check_listen(std::string_view address) {
  if (address.starts_with("unix:/")) return {};
  const std::size_t colon = address.rfind(':');
  std::uint16_t port = 0;  // 0: any free one
  if (colon != std::string_view::npos && read_number(address.substr(colon + 1), port) &&
      (colon == 0 || check_authority(address.substr(0, colon)).empty())) {
    return {};
  }
  return quoted(address) + " is not an address to listen on (127.0.0.1:9900, [::1]:9900)";
}

bool is_loopback(std::string_view listen) {
  const std::string_view host = listen.substr(0, listen.rfind(':'));
  return listen.starts_with("unix:") || host.starts_with("127.") || host == "localhost" ||
         host == "[::1]";
}

std::string check_header(std::string_view header) {
  const std::size_t colon = header.find(':');
  if (colon == std::string_view::npos || !is_token(header.substr(0, colon))) {
    return quoted(header) + " is not a header ('Name: value')";
  }
  if (header.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return "has a line break";
  }
  return {};
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
  constexpr std::string_view kAllowed = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kAllowed.find(c) != std::string_view::npos;
  });
}


std::string check_webhook(std::string_view url) {
  if (has_control(url)) return quoted(url) + " has a space or control character";
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return quoted(url) + " is not an http:// or https:// URL";
  }
  const std::string wrong = check_authority(authority_of(url));
  return wrong.empty() ? wrong : quoted(url) + " " + wrong;
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

std::string check_time(std::string_view time) {
  static const re2::RE2 kForm(
      R"(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:\d\d))");
  if (re2::RE2::FullMatch(re2::StringPiece(time.data(), time.size()), kForm)) return {};
  return quoted(time) + " is not a time (2026-12-31T00:00:00Z)";
}

std::string check_duration(std::string_view duration) {
  if (parse_duration(duration)) return {};
  return quoted(duration) + " is not a duration (500ms, 5s, 1h)";
}

std::string check_service_name(std::string_view name) {
  const bool good = !name.empty() && name.size() <= 63 &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                             (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
                    });
  return good ? "" : quoted(name) + " is not a name (letters, digits, '-', '_', '.'; at most 63)";
}

std::string without_password(std::string_view url) {
  const std::string_view authority = authority_of(url);
  const std::size_t at = authority.rfind('@');
  const std::size_t colon = authority.find(':');
  if (at == std::string_view::npos || colon > at) return std::string(url);
  const auto begin = static_cast<std::size_t>(authority.data() - url.data());
  return std::string(url.substr(0, begin + colon + 1)) + "***" +
         std::string(url.substr(begin + at));
}

std::string without_path(std::string_view url) {
  std::string_view authority = authority_of(url);
  authority.remove_prefix(authority.rfind('@') + 1);  // npos + 1 is 0
  return std::string(url.substr(0, url.find("://") + 3)) + std::string(authority) + "/***";
}

HostPort host_port(std::string_view url) {
  if (url.starts_with("unix:")) return {};
  std::string_view authority = authority_of(url);
  authority.remove_prefix(authority.rfind('@') + 1);  // npos + 1 is 0
  HostPort out{{}, static_cast<std::uint16_t>(url.starts_with("https:") ? 443 : 80)};
  const std::size_t close = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  const bool ported = colon != std::string_view::npos &&
                      (close == std::string_view::npos || colon > close);
  if (ported) read_number(authority.substr(colon + 1), out.port);
  if (ported) authority = authority.substr(0, colon);
  if (authority.starts_with('[')) authority = authority.substr(1, authority.size() - 2);
  out.host = authority;
  return out;
}

}  // namespace shadowtap::config
