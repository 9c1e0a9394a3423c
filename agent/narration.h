// What the tool says about itself in plain sentences. Pure functions over configuration.
#pragma once

#include <string>

#include "agent/config/config.h"

namespace shadowtap {

// "orders: port 8080; sends GET HEAD OPTIONS, 100 % of requests, to candidate http://…;
// forwards Authorization and Cookie as captured": the first line of `run`, one a service.
std::string what_is_sent(const config::ServiceConfig& service, const shadow::GlobalLimits& limits);

}  // namespace shadowtap
