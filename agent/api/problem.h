// Errors of the API: RFC 9457 problem documents. Plain functions, any thread.
#pragma once

#include <string_view>

#include "agent/api/request.h"

namespace shadowtap::api {

// `detail` says what was wrong with this very call. `type` is a short word that machines
// may match ("credentials_not_kept"); empty: about:blank, the status says it all.
Response problem(unsigned status, std::string_view detail, std::string_view type = {});

// The registered reason phrase ("Not Found").
std::string_view status_phrase(unsigned status);

}  // namespace shadowtap::api
