// What a request says beside its request line that frameworks take in place of it: a POST
// that says _method=DELETE is a DELETE, a GET with X-Original-URL: /logout logs out.
//
// Pure functions; knows no rules.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/http/message.h"

namespace shadowtap::shadow {

// Every method, in upper case, that stands in X-HTTP-Method-Override and its like, in
// `_method` of the query or in a field of that name of a form.
std::vector<std::string> overriding_methods(const http::Request& request);

// Every target that stands in X-Original-URL or X-Rewrite-URL.
std::vector<std::string_view> overriding_targets(const http::Request& request);

}  // namespace shadowtap::shadow
