#include "agent/capture/leftovers.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "agent/capture/hook.h"
#include "agent/capture/interfaces.h"
#include "agent/capture/namespace_thread.h"
#include "agent/capture/qdisc.h"

namespace shadowtap::capture {

UniqueFd claim_filters() {
  constexpr std::string_view kName = "shadowtap-filters";
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, kName.data(), kName.size());  // abstract: begins with 0
  const auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + kName.size());
  if (fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size)) fd.reset();
  return fd;
}

Result<std::vector<std::string>> remove_leftovers_here(bool dry_run) {
  auto interfaces = list_interfaces();
  if (!interfaces) return interfaces.error();
  std::vector<std::string> lines;
  for (const Interface& interface : *interfaces) {
    const auto filters = filters_of(interface.ifindex);
    if (!filters) return filters.error();
    for (const Filter& filter : *filters) {
      if (!is_ours(filter)) continue;
      Removed removed{.filter = true};
      if (!dry_run) removed = remove_filter(interface.ifindex, filter);
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
  (*inside)->run([&] {
    const UniqueFd claim = claim_filters();
    if (claim || dry_run)
      lines = remove_leftovers_here(dry_run);
    else
      lines = plain_error("a shadowtap is running here and the filters are its: stop it first");
  });
  return lines;
}

}  // namespace shadowtap::capture
