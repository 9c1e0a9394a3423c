// What a killed agent leaves on kernels without TCX: clsact filters, perhaps the qdisc.
//
// Acts in the calling thread's network namespace.
#pragma once

#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"

namespace shadowtap::capture {

// Says "filters of ours in this namespace are mine" until closed or the process ends: an
// abstract socket, which the kernel keeps per network namespace. Invalid: another agent
// lives here and they are its.
UniqueFd claim_filters();

// Requires the claim, unless `dry_run`. One line for each thing removed (or that would be, with `dry_run`).
Result<std::vector<std::string>> remove_leftovers_here(bool dry_run);

}  // namespace shadowtap::capture
