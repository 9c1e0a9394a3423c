// What the demo's services answer: a pure function from request to response, so that
// the planted differences and the planted noise can be read in one place.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "agent/demo/service.h"

namespace shadowtap::demo {

struct ShopRequest {
  std::string_view method;
  std::string_view path;  // without the query
  std::string_view body;
};

struct ShopAnswer {
  int status = 200;
  std::string body;  // JSON
  std::chrono::milliseconds delay{0};
};

// `noise` differs from call to call (a count is enough): it feeds the timestamp and the
// request id that every release puts into its answers.
ShopAnswer answer(Release release, const ShopRequest& request, std::uint64_t noise);

}  // namespace shadowtap::demo
