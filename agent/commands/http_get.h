// One GET of an http:// or https:// URL over a connection of its own, blocking, under one
// deadline. No redirect: what the server answers is the answer.
#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/base/time.h"
#include "agent/http/message.h"

namespace shadowtap::commands {

Result<http::Response> http_get(const std::string& url, Duration timeout);

}  // namespace shadowtap::commands
