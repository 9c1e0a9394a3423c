// Writes the whole of a text to a descriptor, whatever interrupts it.
#pragma once

#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace shadowtap {

// Blocking. An error is "write WHAT" with errno.
Result<> write_all(int fd, std::string_view text, const std::string& what);

}  // namespace shadowtap
