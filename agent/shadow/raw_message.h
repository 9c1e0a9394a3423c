// Messages as the bytes they were on the wire, up to where chunks began and ended.
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/http/message.h"

namespace shadowtap::shadow {

std::string raw_bytes(const http::Request& request);
std::string raw_bytes(const http::Response& response);

// Nothing if `bytes` are not exactly one request that an original could have been.
std::optional<http::Request> parse_request(std::string_view bytes);

}  // namespace shadowtap::shadow
