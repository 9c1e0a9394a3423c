#include "agent/commands/api_command.h"
#include "agent/commands/commands.h"

namespace shadowtap::commands {

int resume(const config::ResumeCommand& command) {
  return set_sending(command.api, "/api/v1/resume");
}

}  // namespace shadowtap::commands
