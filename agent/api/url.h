// Where a call of ours goes: "http://host:port/base", "https://…", "unix:/path.sock". A
// value; resolves nothing.
#pragma once

#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace shadowtap::api {

struct Url {
  bool tls = false;
  std::string unix_path;  // empty: host and port
  std::string user_info;  // "user:password" before an @, as written
  std::string host;       // without the brackets of an IPv6 address
  std::string port;
  std::string path;       // of http(s): with its query, "/" at least; of unix: empty

  static Result<Url> parse(std::string_view text);
  // For the Host header.
  std::string authority() const;
};

}  // namespace shadowtap::api
