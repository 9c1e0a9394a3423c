// A target's URL taken apart. Pure; no DNS, no sockets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace shadowtap::shadow {

// http://host[:port][/base], https://host[:port][/base], unix:/path/to.sock[:/base]
struct TargetUrl {
  enum class Scheme : std::uint8_t { kHttp, kHttps, kUnix };

  Scheme scheme = Scheme::kHttp;
  std::string host;         // name or literal without brackets; of kUnix the socket's path
  std::uint16_t port = 80;  // 0 for kUnix
  std::string base;         // "" or "/…" without a trailing slash

  // What stands in a Host line: the port only where it is not the scheme's own.
  std::string authority() const;

  static Result<TargetUrl> parse(std::string_view text);
};

}  // namespace shadowtap::shadow
