#include <algorithm>

#include "agent/capture/interfaces.h"
#include "agent/capture/leftovers.h"
#include "agent/capture/namespace_thread.h"
#include "agent/capture/qdisc.h"

namespace shadowtap::capture {
namespace {

const char* name_of(HookPoint point) {
  return point == HookPoint::kIngress ? "ingress" : "egress";
}

}  // namespace

Result<std::vector<std::string>> remove_leftovers_here(bool dry_run) {
  auto interfaces = list_interfaces();
  if (!interfaces) return interfaces.error();
  std::vector<std::string> lines;
  for (const Interface& interface : *interfaces) {
    for (const Filter& filter : filters_of(interface.ifindex)) {
      if (!is_ours(filter)) continue;
      Removed removed{.filter = true};
      if (!dry_run) removed = remove_filter(interface.ifindex, filter.point, filter.handle);
      if (removed.filter)
        lines.push_back("filter " + filter.name + " at " + name_of(filter.point) + " of " +
                        interface.name);
      if (removed.qdisc) lines.push_back("qdisc clsact of " + interface.name);
    }
  }
  return lines;
}

Result<std::vector<std::string>> remove_leftovers(const std::string& netns, bool dry_run) {
  auto inside = NamespaceThread::start(netns);
  if (!inside) return inside.error();
  Result<std::vector<std::string>> lines = std::vector<std::string>{};
  (*inside)->run([&] { lines = remove_leftovers_here(dry_run); });
  return lines;
}

}  // namespace shadowtap::capture
