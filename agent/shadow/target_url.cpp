#include "agent/shadow/target_url.h"

#include <charconv>

namespace shadowtap::shadow {
namespace {

Error malformed(std::string_view text, std::string_view why) {
  return plain_error("target URL '" + std::string(text) + "': " + std::string(why));
}

std::string without_trailing_slash(std::string_view base) {
  while (!base.empty() && base.back() == '/') base.remove_suffix(1);
  return std::string(base);
}

bool has_control_or_space(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') return true;
  }
  return false;
}

bool parse_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

Result<TargetUrl> parse_unix(std::string_view text, std::string_view rest) {
  TargetUrl url;
  url.scheme = TargetUrl::Scheme::kUnix;
  url.port = 0;
  const auto colon = rest.find(":/");
  url.host = rest.substr(0, colon);
  if (colon != std::string_view::npos)
    url.base = without_trailing_slash(rest.substr(colon + 1));
  constexpr std::size_t kMaxPath = 107;  // sun_path with its zero
  if (url.host.empty() || url.host.front() != '/') return malformed(text, "wants unix:/path");
  if (url.host.size() > kMaxPath) return malformed(text, "the socket's path is too long");
  return url;
}

}  // namespace

Result<TargetUrl> TargetUrl::parse(std::string_view text) {
  if (has_control_or_space(text)) return malformed(text, "has a space or control character");
  if (text.starts_with("unix:")) return parse_unix(text, text.substr(5));
  TargetUrl url;
  std::string_view rest = text;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
    url.scheme = Scheme::kHttps;
    url.port = 443;
  } else {
    return malformed(text, "begins with none of http://, https://, unix:/");
  }
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return malformed(text, "a query or fragment has no meaning here");
  }
  const auto slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) url.base = without_trailing_slash(rest.substr(slash));
  if (authority.find('@') != std::string_view::npos) {
    return malformed(text,
                     "credentials do not belong into a URL (headers.set, secret headers)");
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto bracket = authority.find(']');
    if (bracket == std::string_view::npos) return malformed(text, "'[' without ']'");
    url.host = authority.substr(1, bracket - 1);
    port = authority.substr(bracket + 1);
  } else {
    const auto colon = authority.find(':');
    url.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (url.host.empty()) return malformed(text, "no host");
  if (port.empty()) return url;
  if (!parse_port(port.substr(1), url.port) || port.front() != ':') {
    return malformed(text, "the port is not a number from 1 to 65535");
  }
  return url;
}

std::string TargetUrl::authority() const {
  if (scheme == Scheme::kUnix) return "localhost";
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  const bool usual = port == (scheme == Scheme::kHttps ? 443 : 80);
  return usual ? name : name + ":" + std::to_string(port);
}

}  // namespace shadowtap::shadow
