#include "agent/commands/api_command.h"
#include "agent/commands/commands.h"

namespace shadowtap::commands {

int pause(const config::PauseCommand& command) {
  return set_sending(command.api, "/api/v1/pause");
}

}  // namespace shadowtap::commands
