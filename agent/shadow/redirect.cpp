#include "agent/shadow/redirect.h"

#include <algorithm>
#include <array>

#include "agent/base/text.h"

namespace shadowtap::shadow {
namespace {

constexpr std::array<int, 5> kRedirects{301, 302, 303, 307, 308};

// "/a/b" and "c" give "/a/c". Dots are the server's affair.
std::string relative_to(std::string_view base, std::string_view location) {
  const std::string_view path = base.substr(0, base.find('?'));
  if (location.starts_with('?')) return std::string(path) + std::string(location);
  return std::string(path.substr(0, path.rfind('/') + 1)) + std::string(location);
}

}  // namespace

std::optional<std::string> redirect_target(const http::Response& response,
                                           std::string_view sent_target,
                                           std::string_view authority, std::string_view host) {
  if (std::find(kRedirects.begin(), kRedirects.end(), response.status) == kRedirects.end()) {
    return std::nullopt;
  }
  const auto line = response.headers.find("location");
  if (!line || line->empty()) return std::nullopt;
  std::string_view location = line->substr(0, line->find('#'));
  if (location.find_first_of(" \t\r\n") != std::string_view::npos) return std::nullopt;
  const auto scheme = location.find("://");
  const bool absolute =
      scheme != std::string_view::npos && scheme < location.find_first_of("/?");
  if (absolute || location.starts_with("//")) {
    location.remove_prefix(absolute ? scheme + 3 : 2);
    const auto end = location.find_first_of("/?");
    const std::string_view there = location.substr(0, end);
    if (!equal_ignoring_case(there, authority) && !equal_ignoring_case(there, host)) {
      return std::nullopt;
    }
    location = end == std::string_view::npos ? "/" : location.substr(end);
    if (location.starts_with('?')) return "/" + std::string(location);
  }
  if (location.starts_with('/')) return std::string(location);
  if (location.empty() || location.find(':') < location.find('/')) return std::nullopt;
  return relative_to(sent_target, location);
}

std::string_view target_in(std::string_view bytes) {
  const auto start = bytes.find(' ') + 1;
  return bytes.substr(start, bytes.find(' ', start) - start);
}

std::string with_target(std::string_view bytes, std::string_view target) {
  const auto start = bytes.find(' ') + 1;
  std::string out(bytes.substr(0, start));
  out.append(target).append(bytes.substr(bytes.find(' ', start)));
  return out;
}

}  // namespace shadowtap::shadow
