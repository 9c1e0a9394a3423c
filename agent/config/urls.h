// What a URL of the command line or the file must look like, and what of it may be shown.
// The checks return "" or the end of a sentence, as those of checks.h do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shadowtap::config {

std::string check_url(std::string_view url);      // of an agent
std::string check_target(std::string_view url);   // the same without credentials
std::string check_webhook(std::string_view url);  // http(s) with path and query

// "http://user:***@host" for "http://user:secret@host".
std::string without_password(std::string_view url);
// "https://host/***" for "https://user:secret@host/path?query".
std::string without_path(std::string_view url);

// "http://[::1]:8080/base" -> {"::1", 8080}; the scheme's port where none is written; port 0
// for unix sockets. Requires check_url(url) to be happy.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
HostPort host_port(std::string_view url);

}  // namespace shadowtap::config
