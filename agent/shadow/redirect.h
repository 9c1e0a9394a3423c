// Where a redirect leads, if it stays at the target. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/http/message.h"

namespace shadowtap::shadow {

// The origin-form of a 301, 302, 303, 307 or 308's Location, resolved against the request
// target that was sent. Nothing for other statuses and for another host: `authorities`
// are the names that mean this one.
std::optional<std::string> redirect_target(const http::Response& response,
                                           std::string_view sent_target,
                                           std::string_view authority, std::string_view host);

// The request line's target in the bytes of a request.
std::string_view target_in(std::string_view bytes);
std::string with_target(std::string_view bytes, std::string_view target);

}  // namespace shadowtap::shadow
