// The process's log: spdlog to standard error, text or JSON lines. Set up once in
// main; usable from any thread. The outcome lane never logs above debug.
#pragma once

#include <spdlog/spdlog.h>

#include <string_view>

#include "agent/base/result.h"

namespace shadowtap {

enum class LogFormat { kText, kJson };

// `level`: trace, debug, info, warn, error, off.
Result<> set_up_log(std::string_view level, LogFormat format);

}  // namespace shadowtap
