#include "agent/config/urls.h"

#include <algorithm>

#include "agent/config/checks.h"
#include "agent/config/number.h"

namespace shadowtap::config {
namespace {

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  return config::read_number(text, port) && port != 0;
}

// "host", "host:port", "[v6]:port"; the port may be left out.
std::string check_authority(std::string_view authority) {
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

std::string_view authority_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

// Of a URL that may be wrong in any way: neither a user nor a query. Passwords are often not
// encoded, so all before the last '@' may be one.
std::string quoted_url(std::string_view url) {
  std::string shown;
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    const std::size_t scheme = url.substr(0, at).find("://");
    if (scheme != std::string_view::npos) shown = url.substr(0, scheme + 3);
    shown += "***";
    url.remove_prefix(at);
  }
  const std::size_t query = url.find_first_of("?#");
  shown += url.substr(0, query);
  return config::quoted(query == std::string_view::npos ? shown : shown + "…");
}

// Chat services put their token into the path.
std::string quoted_webhook(std::string_view url) {
  std::string shown;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!url.starts_with(scheme)) continue;
    shown = scheme;
    url.remove_prefix(scheme.size());
    break;
  }
  const bool has_user = url.find('@') != std::string_view::npos;
  if (!has_user) shown += url.substr(0, url.find_first_of("/?# \t\r\n"));
  return config::quoted(shown + "…");
}

}  // namespace

std::string check_url(std::string_view url) {
  if (has_control(url)) return quoted_url(url) + " has a space or control character";
  if (url.starts_with("unix:")) {
    if (!url.starts_with("unix:/")) return quoted_url(url) + " needs an absolute path";
    const std::string_view path = url.substr(5);
    return check_socket_path(path.substr(0, path.find(":/")));
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!url.starts_with(scheme)) continue;
    if (url.find_first_of("?#") != std::string_view::npos) {
      return quoted_url(url) + " has a query or fragment; give a base path only";
    }
    const std::string_view rest = url.substr(scheme.size());
    const std::string wrong = check_authority(rest.substr(0, rest.find('/')));
    return wrong.empty() ? wrong : quoted_url(url) + " " + wrong;
  }
  return quoted_url(url) + " is not a URL of a target (http://host:port, https://…, unix:/path)";
}

std::string check_target(std::string_view url) {
  if (std::string wrong = check_url(url); !wrong.empty()) return wrong;
  if (authority_of(url).find('@') == std::string_view::npos) return {};
  return quoted_url(url) + " has credentials in it; give them as a header (headers.set, "
                           "headers.from_file)";
}

std::string check_webhook(std::string_view url) {
  if (has_control(url)) return quoted_webhook(url) + " has a space or control character";
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return quoted_webhook(url) + " is not an http:// or https:// URL";
  }
  const std::string wrong = check_authority(authority_of(url));
  return wrong.empty() ? wrong : quoted_webhook(url) + " " + wrong;
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
