#include "agent/commands/session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "agent/base/write_all.h"

namespace shadowtap::commands {

int fail(int exit_code, const std::string& message) {
  fmt::print(stderr, "shadowtap: {}\n", message);
  return exit_code;
}

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
  fmt::print("{}", api::render(agent.report(), api::ReportFormat::kText));
  std::fflush(stdout);
}

Result<ReportFiles> ReportFiles::open(const std::vector<std::string>& paths) {
  ReportFiles files;
  for (const std::string& path : paths) {
    const auto format = api::report_format_of_file(path);
    if (!format) return plain_error(path + ": a report ends in .txt, .md, .json, .html or .xml");
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!fd) return errno_error("write " + path);
    files.files_.push_back({path, *format, std::move(fd)});
  }
  return files;
}

Result<> ReportFiles::write(const api::Report& report) {
  for (const File& file : files_) {
    const std::string text = api::render(report, file.format);
    if (::ftruncate(file.fd.get(), 0) != 0 && errno != EINVAL) return errno_error("write " + file.path);  // a pipe
    if (auto written = write_all(file.fd.get(), text, file.path); !written) return written;
  }
  return {};
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
