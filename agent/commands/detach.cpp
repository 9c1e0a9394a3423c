#include <fmt/format.h>

#include "agent/capture/tap.h"
#include "agent/commands/commands.h"

namespace shadowtap::commands {

int detach(const config::DetachCommand& command) {
  const auto removed = capture::remove_leftovers({}, command.dry_run);
  if (!removed) {
    fmt::print(stderr, "shadowtap: {}\n", removed.error().message());
    return 1;
  }
  for (const std::string& line : *removed)
    fmt::print("{} {}\n", command.dry_run ? "would remove" : "removed", line);
  if (removed->empty()) fmt::print("nothing of ours is attached by clsact\n");
  return 0;
}

}  // namespace shadowtap::commands
