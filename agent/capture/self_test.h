// Proof instead of promise: a connection over lo, and what the tap saw of it.
#pragma once

#include <string>

#include "agent/base/result.h"

namespace shadowtap::capture {

// Taps lo of a network namespace (empty: our own), sends a few bytes each way between two
// sockets there, detaches. Returns what was seen, in words; an error says what was not.
Result<std::string> capture_on_loopback(const std::string& netns, bool force_clsact);

}  // namespace shadowtap::capture
