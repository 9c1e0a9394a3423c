// The commands of INTERFACES section 2, one file each. Each runs to its end on the
// calling thread, prints its own failures once, and returns the exit code: 0 done,
// 1 failed at work, 2 usage or configuration error, 3 inconclusive.
#pragma once

#include "agent/config/command_line.h"

namespace shadowtap::commands {

inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

int run(const config::RunCommand& command);
int demo(const config::DemoCommand& command);
int report(const config::ReportCommand& command);
int pause(const config::PauseCommand& command);
int resume(const config::ResumeCommand& command);
int detach(const config::DetachCommand& command);
int check(const config::CheckCommand& command);
int record(const config::RecordCommand& command);
int replay(const config::ReplayCommand& command);
int compare(const config::CompareCommand& command);
int verdict(const config::VerdictCommand& command);

}  // namespace shadowtap::commands
