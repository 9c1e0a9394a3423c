// The command line as values: one struct a command, filled by parse(). The only unit
// that knows CLI11. Every mistake becomes a Usage with the sentence to print (exit 2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/base/time.h"

namespace shadowtap::config {

struct LogOptions {
  std::string level = "warn";
  bool json = false;
};

// Flags that override the configuration file; unset ones leave it alone.
struct RunCommand {
  std::string config_file;
  bool check_config = false;
  std::string service;
  std::vector<std::uint16_t> ports;
  std::string candidate;
  std::string secondary;
  std::vector<std::string> mirrors;
  std::vector<std::string> interfaces;  // "eth0", "veth1:leaf", "eth0:host"
  std::string netns;
  std::optional<int> pid;
  std::optional<Duration> run_for;
  bool exit_verdict = false;
  std::vector<std::string> reports;
  std::string listen;
  std::string metrics_listen;
  std::string api_token_file;
  std::string data_dir;
  std::optional<double> rate;
  std::optional<std::size_t> max_in_flight;
  std::optional<bool> guard;
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  std::vector<std::string> set_headers;  // "K: V"
  std::vector<std::string> ignore;
  std::optional<Duration> timeout;
  std::optional<double> sample;
  std::vector<std::string> methods;
  bool allow_side_effects = false;
  bool from_file = false;  // `replay`: nothing is tapped, so a target may be the service
  LogOptions log;
};

struct DemoCommand {
  std::optional<Duration> run_for;  // unset: until SIGINT/SIGTERM
  std::string listen = "127.0.0.1:9900";
  LogOptions log;
};

struct ApiCommand {  // pause, resume
  std::string api = "http://127.0.0.1:9900";
  std::string token_file;
  std::string service;
};

struct ReportCommand {
  ApiCommand api;
  std::string format = "text";
};

struct VerdictCommand {
  ApiCommand api;
  std::optional<Duration> wait;
  std::optional<std::uint64_t> min_compared;
};

struct PauseCommand { ApiCommand api; };
struct ResumeCommand { ApiCommand api; };

struct DetachCommand {
  std::string netns;
  std::optional<int> pid;
  bool dry_run = false;
};

struct CheckCommand { std::vector<std::string> interfaces; std::string netns; bool json = false; };

struct RecordCommand {
  RunCommand run;  // ports, interfaces, netns, pid, run_for, log
  std::string output;
  std::string size_limit;  // rotation; empty: none
  bool with_secrets = false;
};

struct ReplayCommand {
  std::string file;
  RunCommand run;  // ports, candidate, secondary, selection, comparison
  std::string speed = "max";
  bool list = false;
  std::string format = "text";  // of --list
  std::string report = "text";
};

struct CompareCommand {
  std::string left;
  std::string right;
  std::string content_type;
  std::string rules_file;
  std::string format;  // empty: text on a terminal, else json
};

struct Usage {
  int exit_code = 2;  // 0 for --help and --version
  std::string text;
};

using Command =
    std::variant<Usage, RunCommand, DemoCommand, ReportCommand, PauseCommand, ResumeCommand,
                 DetachCommand, CheckCommand, RecordCommand, ReplayCommand, CompareCommand,
                 VerdictCommand>;

Command parse(int argc, const char* const* argv);

}  // namespace shadowtap::config
