// What the tool says about itself in plain sentences. Pure functions over configuration.
#pragma once

#include <string>
#include <vector>

#include "agent/config/config.h"

namespace shadowtap {

// "orders: port 8080; sends GET HEAD OPTIONS, 100 % of requests, to candidate http://…;
// forwards Authorization and Cookie as captured": the first line of `run`, one a service.
std::string what_is_sent(const config::ServiceConfig& service, const shadow::GlobalLimits& limits);

// "watching eth0, lo, and what comes later": of some hundred interfaces, the first few.
// `followed`: interfaces that appear are watched as well.
std::string what_is_watched(const std::vector<std::string>& interfaces, bool followed);

}  // namespace shadowtap
