#include <fmt/format.h>

#include <cstdio>

#include "agent/agent.h"
#include "agent/commands/commands.h"
#include "agent/commands/session.h"
#include "agent/config/live_config.h"
#include "agent/narration.h"

namespace shadowtap::commands {
namespace {

// Standard output is a log for whoever reads it later: each line leaves at once.
void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

}  // namespace

int run(const config::RunCommand& command) {
  auto said = config::read_effective(command);
  if (!said) return fail(kUsage, said.error().message());
  if (command.check_config) {
    fmt::print("{}", config::print_config(said->config));
    return 0;
  }
  auto config = config::LiveConfig::open(std::move(*said),
                                         [command] { return config::read_effective(command); });
  if (!config) return fail(kFailed, config.error().message());
  for (const config::ServiceConfig& service : (*config)->running().services) {
    say(what_is_sent(service, (*config)->running().limits));
  }
  auto reports = ReportFiles::open(command.reports);
  if (!reports) return fail(kFailed, reports.error().message());
  AgentSources sources;
  sources.config_file = command.config_file;
  auto agent = Agent::start(std::move(*config), std::move(sources));
  if (!agent) return fail(kFailed, agent.error().message());
  say(fmt::format("serving on http://{}", (*agent)->api_address()));
  say(what_is_watched((*agent)->interfaces(), config::tap_options((*agent)->config()).interfaces.empty()));

  run_session(**agent, command.run_for);
  if (auto written = reports->write((*agent)->report()); !written) {
    return fail(kFailed, written.error().message());
  }
  return command.exit_verdict ? exit_code_of_verdict(**agent) : 0;
}

}  // namespace shadowtap::commands
