// Where to listen, from "127.0.0.1:9900", "[::1]:9900", "localhost:9900", ":9900" (every
// address) or "unix:/run/shadowtap.sock". A value; resolves no names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"

namespace shadowtap::api {

struct ListenAddress {
  std::string unix_path;  // empty: TCP
  std::string address;    // numeric
  std::uint16_t port = 0;
  bool loopback = false;

  static Result<ListenAddress> parse(std::string_view text);
  std::string to_string() const;
};

// A listening, non-blocking, close-on-exec socket; port 0 is resolved into `address`. A
// Unix socket gets mode 0660 and replaces one that nobody listens on any more.
Result<UniqueFd> listen_on(ListenAddress& address);

}  // namespace shadowtap::api
