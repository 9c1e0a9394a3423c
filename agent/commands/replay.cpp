#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>

#include "agent/agent.h"
#include "agent/commands/commands.h"
#include "agent/commands/session.h"
#include "agent/files/capture_source.h"
#include "agent/listing.h"
#include "agent/narration.h"
#include "agent/recording_source.h"

namespace shadowtap::commands {
namespace {

int list(const config::ReplayCommand& command) {
  ListOptions options;
  options.path = command.file;
  options.ports = command.run.ports;
  if (command.format == "json") options.format = files::ListFormat::kJson;
  const auto listed = list_file(options, [](std::string_view line) {
    std::fwrite(line.data(), 1, line.size(), stdout);
  });
  if (!listed) return fail(kFailed, listed.error().message());
  return 0;
}

// "max" is no speed at all; nullopt for what is neither.
std::optional<std::optional<double>> parse_speed(const std::string& text) {
  if (text == "max") return std::optional<double>{};
  double speed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), speed);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || !(speed > 0) || speed > 1e6) return std::nullopt;
  return std::optional<double>(speed);
}

// What a replay needs to know of its file while it runs.
struct Opened {
  AgentSources sources;
  std::function<std::uint64_t()> bytes_read;
  std::function<std::string()> damage;
  std::uint64_t file_bytes = 0;
};

Result<Opened> open_recording(const std::string& path, std::optional<double> speed) {
  auto reader = files::GorReader::open(path, {});
  if (!reader) return reader.error();
  auto source = std::make_unique<RecordingSource>(std::move(*reader), speed);
  const files::GorReader& file = source->reader();
  Opened opened;
  opened.sources.recording = source.get();
  opened.bytes_read = [&file] { return file.bytes_read(); };
  opened.damage = [&file] { return file.damage(); };
  opened.file_bytes = file.file_bytes();
  opened.sources.file = std::move(source);
  return opened;
}

Result<Opened> open_capture(const std::string& path, const std::vector<std::uint16_t>& ports,
                            std::optional<double> speed) {
  auto reader = files::CaptureFile::open(path, {.ports = ports});
  if (!reader) return reader.error();
  auto source = std::make_unique<files::CaptureSource>(std::move(*reader), speed);
  const files::CaptureFile& file = source->file();
  Opened opened;
  opened.bytes_read = [&file] { return file.bytes_read(); };
  opened.damage = [&file] { return file.damage(); };
  opened.file_bytes = file.file_bytes();
  opened.sources.file = std::move(source);
  return opened;
}

// One refreshing line: how far, how many, how long still.
class ReplayProgress {
 public:
  void show(std::uint64_t read, std::uint64_t all, std::uint64_t exchanges) {
    if (::isatty(STDERR_FILENO) == 0) return;
    const double share = all == 0 ? 1 : static_cast<double>(read) / static_cast<double>(all);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
    const std::string left =
        share > 0 ? fmt::format("about {:.0f} s left", spent.count() * (1 - share) / share)
                  : "time left not known yet";
    fmt::print(stderr, "\r\x1b[K{} of {} bytes ({:.0f} %), {} exchanges, {}", read, all, 100 * share,
               exchanges, left);
    std::fflush(stderr);
    shown_ = true;
  }
  ~ReplayProgress() {
    if (shown_) fmt::print(stderr, "\n");
  }

 private:
  Time start_ = std::chrono::steady_clock::now();
  bool shown_ = false;
};

}  // namespace

int replay(const config::ReplayCommand& command) {
  if (command.list) return list(command);
  const auto speed = parse_speed(command.speed);
  if (!speed) return fail(kUsage, "--speed: 1, another factor, or max; not " + command.speed);
  const auto format = api::report_format(command.report);
  if (!format) return fail(kUsage, "--report: text, md, json, html or junit");
  auto said = config::read_effective(command.run);
  if (!said) return fail(kUsage, said.error().message());
  if (said->config.services.size() != 1) return fail(kUsage, "--service: a file is one service's");

  const config::ServiceConfig service = said->config.services.front();
  auto opened = is_recording(command.file) ? open_recording(command.file, *speed)
                                           : open_capture(command.file, service.ports, *speed);
  if (!opened) return fail(kFailed, opened.error().message());
  fmt::print(stderr, "{}\n", what_is_sent(service, said->config.limits));

  auto config = config::LiveConfig::open(
      std::move(*said), [run = command.run] { return config::read_effective(run); });
  if (!config) return fail(kFailed, config.error().message());
  opened->sources.serve = false;
  auto agent = Agent::start(std::move(*config), std::move(opened->sources));
  if (!agent) return fail(kFailed, agent.error().message());
  {
    ReplayProgress progress;
    const auto show = [&] {
      progress.show(opened->bytes_read(), opened->file_bytes, (*agent)->progress().seen);
    };
    (*agent)->run(command.run.run_for, show);
    (*agent)->finish();
    show();
  }
  fmt::print("{}", api::render((*agent)->report(), *format));
  if (const std::string damage = opened->damage(); !damage.empty()) {
    return fail(kFailed, command.file + ": " + damage);
  }
  return exit_code_of_verdict(**agent);
}

}  // namespace shadowtap::commands
