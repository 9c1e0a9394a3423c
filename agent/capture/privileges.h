// What the agent gives up once its tap is loaded and its listeners are open (DESIGN 11).
//
// On TCX nothing is needed any more: rings are mapped, links to new interfaces and map
// updates go by descriptor. clsact filters need CAP_NET_ADMIN, and so does SO_MARK on
// each new socket.
//
// Call before other threads start, from the thread that starts them: capabilities belong
// to a thread and are inherited. The seccomp filter reaches all threads.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "agent/base/result.h"

namespace shadowtap::capture {

struct PrivilegesKept {
  bool net_admin = false;     // for clsact, or for SO_MARK
  bool dac_override = false;  // to open files in directories of others
  // Another user and group to become; unset: stay who we are.
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
};

// Irreversible. Returns what is left, in words for the log.
Result<std::string> drop_privileges(const PrivilegesKept& kept);
// The calling thread's capabilities only: for a thread that was there before.
Result<> drop_capabilities(const PrivilegesKept& kept);

}  // namespace shadowtap::capture
