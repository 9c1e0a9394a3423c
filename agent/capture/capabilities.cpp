#include "agent/capture/capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace shadowtap::capture {

std::vector<Capability> needed_capabilities(bool other_namespace) {
  std::vector<Capability> needed{
      {CAP_BPF, "CAP_BPF", "load the program"},
      {CAP_NET_ADMIN, "CAP_NET_ADMIN", "attach it, and mark our own sockets"},
      {CAP_PERFMON, "CAP_PERFMON", "pass the verifier"},
  };
  if (other_namespace) needed.push_back({CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "enter the namespace"});
  return needed;
}

bool has_capability(int number) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data)) return false;
  return (data[number / 32].effective >> (number % 32) & 1U) != 0;
}

std::string missing_capabilities(bool other_namespace) {
  std::string missing;
  for (const Capability& capability : needed_capabilities(other_namespace)) {
    // Before CAP_BPF and CAP_PERFMON were split off, and still: CAP_SYS_ADMIN has both.
    const bool implied = capability.number != CAP_NET_ADMIN && has_capability(CAP_SYS_ADMIN);
    if (implied || has_capability(capability.number)) continue;
    if (!missing.empty()) missing += ", ";
    missing += capability.name;
  }
  return missing;
}

}  // namespace shadowtap::capture
