#include "agent/api/url.h"

namespace shadowtap::api {
namespace {

// "host", "host:port", "[v6]:port"; false: malformed.
bool split_authority(std::string_view text, Url& url) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    url.host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    url.host = text.substr(0, colon);
    text = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
  }
  if (text.starts_with(':')) url.port = text.substr(1);
  const bool only_port = text.empty() || text.starts_with(':');
  return only_port && !url.host.empty() && url.port.size() <= 5 &&
         url.port.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  const auto wrong = [text] {
    return plain_error("'" + std::string(text) +
                       "' is not a URL: expected http://HOST:PORT, https://… or unix:/PATH");
  };
  if (text.find_first_of(" \t\r\n") != std::string_view::npos) return wrong();
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("unix:/")) {
    url.unix_path = rest.substr(5);
    if (url.unix_path.size() > 107) return wrong();
    return url;
  }
  url.tls = rest.starts_with("https://");
  if (!url.tls && !rest.starts_with("http://")) return wrong();
  rest.remove_prefix(url.tls ? 8 : 7);
  const std::size_t end = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    url.user_info = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  if (!split_authority(authority, url)) return wrong();
  if (url.port.empty()) url.port = url.tls ? "443" : "80";
  url.path = rest.substr(0, rest.find('#'));
  if (!url.path.starts_with('/')) url.path.insert(0, "/");
  return url;
}

std::string Url::authority() const {
  if (!unix_path.empty()) return "localhost";
  const bool usual = port == (tls ? "443" : "80");
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return usual ? name : name + ":" + port;
}

}  // namespace shadowtap::api
