// Whether an answer's media type is one that the caller takes: the Accept header of
// RFC 9110 section 12.5.1, by its most specific range. Pure function.
#pragma once

#include <string_view>

namespace shadowtap::api {

// `accept` as it came; empty: anything. `content_type` may have parameters.
bool accepts(std::string_view accept, std::string_view content_type);

}  // namespace shadowtap::api
