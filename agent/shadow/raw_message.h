// Messages as the bytes they were on the wire, up to where chunks began and ended.
// Pure functions.
#pragma once

#include <string>

#include "agent/http/message.h"

namespace shadowtap::shadow {

std::string raw_bytes(const http::Request& request);
std::string raw_bytes(const http::Response& response);

}  // namespace shadowtap::shadow
