#include "agent/commands/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "agent/results/report.h"

namespace shadowtap::commands {

void ProgressLine::show(const Progress& p) {
  if (::isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr,
             "\r\x1b[Kseen {}  sent {}  compared {}  mismatching {}  lost {}  agent CPU {:.1f} %",
             p.seen, p.sent, p.compared, p.mismatching, p.lost, 100 * p.cpu_cores);
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::end() {
  if (shown_) fmt::print(stderr, "\n");
  shown_ = false;
}

void run_session(Agent& agent, std::optional<Duration> run_for) {
  ProgressLine line;
  agent.run(run_for, [&] { line.show(agent.progress()); });
  agent.finish();
  line.show(agent.progress());
  line.end();
  fmt::print("{}", results::render_findings(agent.results().findings("")));
  std::fflush(stdout);
}

int exit_code_of_verdict(Agent& agent) {
  bool inconclusive = false;
  for (const config::ServiceConfig& service : agent.config().services) {
    const auto answer = agent.results().verdict(service.name, std::nullopt, std::nullopt);
    if (answer.verdict == "fail") return 1;
    inconclusive |= answer.verdict != "pass";
  }
  return inconclusive ? 3 : 0;
}

}  // namespace shadowtap::commands
