// Arguments to a command, a command to an exit code: 0 done, 1 failed at work, 2 usage or
// configuration error, 3 inconclusive.
#include <csignal>
#include <cstdio>

#include "agent/base/log.h"
#include "agent/commands/commands.h"
#include "agent/config/command_line.h"

namespace shadowtap {
namespace {

config::LogOptions log_of(const config::RunCommand& command) { return command.log; }
config::LogOptions log_of(const config::DemoCommand& command) { return command.log; }
config::LogOptions log_of(const config::RecordCommand& command) { return command.run.log; }
config::LogOptions log_of(const config::ReplayCommand& command) { return command.run.log; }
template <class Other>
config::LogOptions log_of(const Other&) {
  return {};
}

int dispatch(const config::Usage& usage) {
  std::fputs(usage.text.c_str(), usage.exit_code == 0 ? stdout : stderr);
  return usage.exit_code;
}
int dispatch(const config::RunCommand& command) { return commands::run(command); }
int dispatch(const config::DemoCommand& command) { return commands::demo(command); }
int dispatch(const config::ReportCommand& command) { return commands::report(command); }
int dispatch(const config::PauseCommand& command) { return commands::pause(command); }
int dispatch(const config::ResumeCommand& command) { return commands::resume(command); }
int dispatch(const config::DetachCommand& command) { return commands::detach(command); }
int dispatch(const config::CheckCommand& command) { return commands::check(command); }
int dispatch(const config::RecordCommand& command) { return commands::record(command); }
int dispatch(const config::ReplayCommand& command) { return commands::replay(command); }
int dispatch(const config::CompareCommand& command) { return commands::compare(command); }
int dispatch(const config::VerdictCommand& command) { return commands::verdict(command); }

template <class Known>
int set_up_and_dispatch(const Known& command) {
  const config::LogOptions log = log_of(command);
  const auto set_up = set_up_log(log.level, log.json ? LogFormat::kJson : LogFormat::kText);
  if (!set_up) {
    std::fprintf(stderr, "shadowtap: %s\n", set_up.error().message().c_str());
    return 2;
  }
  return dispatch(command);
}

}  // namespace
}  // namespace shadowtap

int main(int argc, char** argv) {
  // A peer that went away is an error of that write, never the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  const shadowtap::config::Command command = shadowtap::config::parse(argc, argv);
  return std::visit([](const auto& known) { return shadowtap::set_up_and_dispatch(known); },
                    command);
}
