// What a single word of the command line or the file must look like. Each check returns ""
// or the end of a sentence that says what is wrong. Knows no flag or key by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shadowtap::config {

// For an error message: what was written, in quotes, cut where it is long.
std::string quoted(std::string_view text);

std::string check_url(std::string_view url);          // of a target or an agent
std::string check_webhook(std::string_view url);      // http(s) with path and query
std::string check_listen(std::string_view address);   // host:port
std::string check_header(std::string_view header);    // Name: value
std::string check_interface(std::string_view choice); // eth0, veth1:leaf, eth0:host
std::string check_report(std::string_view path);      // a suffix that names a format
std::string check_method(std::string_view method);
std::string check_pattern(std::string_view pattern);  // RE2
std::string check_time(std::string_view time);        // RFC 3339
std::string check_duration(std::string_view duration);
std::string check_service_name(std::string_view name);

bool is_loopback(std::string_view listen);  // or a Unix socket: safe without a token
bool is_token(std::string_view text);  // RFC 9110, 5.6.2

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
