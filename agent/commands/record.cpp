#include <fmt/format.h>
#include <signal.h>

#include <cstdio>

#include "agent/base/text.h"
#include "agent/commands/commands.h"
#include "agent/commands/session.h"
#include "agent/config/effective.h"
#include "agent/recorder.h"

namespace shadowtap::commands {
namespace {

std::atomic<bool> stop{false};

void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stop.store(true); };
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

int record(const config::RecordCommand& command) {
  const auto config = config::effective_config(command.run);
  if (!config) return fail(2, config.error().message());
  RecorderOptions options;
  options.output = command.output;
  options.with_secrets = command.with_secrets;
  options.run_for = command.run.run_for;
  if (!command.size_limit.empty()) {
    const auto limit = parse_size(command.size_limit);
    if (!limit || *limit == 0) return fail(2, "--size-limit: not a size: " + command.size_limit);
    options.max_file_bytes = *limit;
  }
  stop_on_signals();
  options.started = [&options] {
    fmt::print("records to {}{}\n", options.output,
               options.with_secrets ? ", WITH credentials as captured (file mode 0600)"
                                    : ", credentials redacted");
    std::fflush(stdout);
  };
  const auto counts = shadowtap::record(*config, options, stop);
  if (!counts) return fail(1, counts.error().message());
  const std::string shed =
      counts->shed == 0 ? "" : fmt::format(" ({} because too many waited for theirs)", counts->shed);
  fmt::print("{} exchanges written, {} of them without an answer{}; {} left out (body too large)\n",
             counts->written, counts->incomplete, shed, counts->left_out);
  return 0;
}

}  // namespace shadowtap::commands
