// What a killed agent leaves on kernels without TCX: clsact filters, perhaps the qdisc.
//
// Acts in the calling thread's network namespace.
#pragma once

#include <string>
#include <vector>

#include "agent/base/result.h"

namespace shadowtap::capture {

// One line for each thing removed (or that would be, with `dry_run`).
Result<std::vector<std::string>> remove_leftovers_here(bool dry_run);

}  // namespace shadowtap::capture
