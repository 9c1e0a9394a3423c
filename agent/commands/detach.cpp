#include <fmt/format.h>

#include "agent/capture/tap.h"
#include "agent/commands/commands.h"
#include "agent/config/effective.h"

namespace shadowtap::commands {

int detach(const config::DetachCommand& command) {
  const std::string netns = config::namespace_of(command.netns, command.pid);
  const auto removed = capture::remove_leftovers(netns, command.dry_run);
  if (!removed) {
    fmt::print(stderr, "shadowtap: {}\n", removed.error().message());
    return 1;
  }
  for (const std::string& line : *removed)
    fmt::print("{} {}\n", command.dry_run ? "would remove" : "removed", line);
  if (removed->empty())
    fmt::print("nothing of ours is attached by clsact{}\n", netns.empty() ? "" : " in " + netns);
  return 0;
}

}  // namespace shadowtap::commands
