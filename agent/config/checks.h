// What a single word of the command line or the file must look like. Each check returns ""
// or the end of a sentence that says what is wrong; that ends in logs and in answers, so it
// quotes nothing that may be a credential. Knows no flag or key by name.
#pragma once

#include <string>
#include <string_view>

namespace shadowtap::config {

// For an error message: what was written, in quotes, cut where it is long. With a std::string
// call it as config::quoted(), since <iomanip> has one that fits better.
std::string quoted(std::string_view text);
// The same of "Name: value": no more than what can be the name.
std::string quoted_name(std::string_view header);

std::string check_listen(std::string_view address);   // what api's listener takes
std::string check_socket_path(std::string_view path);
std::string check_header(std::string_view header);    // Name: value
std::string check_query(std::string_view name, std::string_view value);
std::string check_route(std::string_view route);      // pattern;name
std::string check_interface(std::string_view choice); // eth0, veth1:leaf, eth0:host
std::string check_report(std::string_view path);      // a suffix that names a format
std::string check_method(std::string_view method);
std::string check_pattern(std::string_view pattern);  // RE2
std::string check_cookie(std::string_view name);
std::string check_plain_path(std::string_view path);  // $.a.b[0]['c d']: one place, no wildcard
std::string check_time(std::string_view time);        // RFC 3339
std::string check_duration(std::string_view duration);
std::string check_service_name(std::string_view name);

bool is_loopback(std::string_view listen);  // or a Unix socket: safe without a token
bool is_token(std::string_view text);  // RFC 9110, 5.6.2
bool has_control(std::string_view text);  // or a space

}  // namespace shadowtap::config
