// What `run` and `demo` (and `replay`) share: an Agent that runs in front of a person or
// a pipeline – the progress line while it runs, the findings at its end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "agent/base/unique_fd.h"

namespace shadowtap::commands {

// Says on standard error what went wrong, and returns `exit_code`.
int fail(int exit_code, const std::string& message);

// Refreshes one line on a terminal (standard error); silent where it is none.
class ProgressLine {
 public:
  void show(const Progress& progress);
  void end();

 private:
  bool shown_ = false;
};

// Runs to the end and finishes the agent; then prints the findings table to standard
// output. Returns after everything is flushed.
void run_session(Agent& agent, std::optional<Duration> run_for);

// Files for the report at the end, opened before the agent gives up the right to write where
// it likes. What a file held stays until then.
class ReportFiles {
 public:
  // The suffix names the format: .txt .md .json .html .xml (JUnit).
  static Result<ReportFiles> open(const std::vector<std::string>& paths);
  Result<> write(const api::Report& report);

 private:
  struct File {
    std::string path;
    api::ReportFormat format;
    UniqueFd fd;
  };
  std::vector<File> files_;
};

// 0 pass, 1 fail, 3 inconclusive: the worst of all services.
int exit_code_of_verdict(Agent& agent);

}  // namespace shadowtap::commands
