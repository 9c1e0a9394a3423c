#include <cstdio>

#include "agent/commands/api_command.h"
#include "agent/commands/commands.h"

namespace shadowtap::commands {

int report(const config::ReportCommand& command) {
  const std::string format = api::query_pair("format", command.format);
  const auto answer = ask(command.api, "GET", with_query("/api/v1/report", command.api, {format}));
  if (!answer) {
    std::fprintf(stderr, "shadowtap: %s\n", answer.error().message().c_str());
    return 1;
  }
  std::fwrite(answer->data(), 1, answer->size(), stdout);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace shadowtap::commands
