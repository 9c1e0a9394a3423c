#include "agent/config/command_line.h"

#include <CLI/CLI.hpp>
#include <array>
#include <functional>

#include "agent/config/checks.h"
#include "agent/config/urls.h"
#include "agent/config/values.h"

namespace shadowtap::config {
namespace {

constexpr std::array<std::string_view, 6> kLevels{"trace", "debug", "info", "warn", "error", "off"};
constexpr std::array<std::string_view, 2> kLogFormats{"text", "json"};
constexpr std::array<std::string_view, 5> kReportFormats{"text", "md", "json", "html", "junit"};

void insist(const std::string& name, const Complaint& wrong) {
  if (!wrong.empty()) throw CLI::ValidationError(name, wrong);  // ends in Commands::parse
}

// What a command's flags are made of, so that the list below reads like its help.
class Flags {
 public:
  explicit Flags(CLI::App& app) : app_(app) {}

  template <class Read>
  CLI::Option* read(const char* name, const char* shape, const char* meaning, Read read) {
    return app_
        .add_option_function<std::string>(
            name,
            [name, read](const std::string& text) { insist(name, read(text)); },
            meaning)
        ->type_name(shape);
  }

  // May be given again and again; one value each time.
  template <class Read>
  CLI::Option* read_each(const char* name, const char* shape, const char* meaning, Read read) {
    return app_
        .add_option_function<std::vector<std::string>>(
            name,
            [name, read](const std::vector<std::string>& all) {
              for (const std::string& text : all) insist(name, read(text));
            },
            meaning)
        ->type_name(shape)
        ->allow_extra_args(false);
  }

  template <class T>
  CLI::Option* value(const char* name, const char* shape, const char* meaning, T& out) {
    return read(name, shape, meaning,
                [&out](const std::string& text) { return read_value(text, out); });
  }

  CLI::Option* checked(const char* name, const char* shape, const char* meaning,
                       Complaint (*check)(std::string_view), std::string& out) {
    return read(name, shape, meaning, [check, &out](const std::string& text) {
      out = text;
      return check(text);
    });
  }

  CLI::Option* each(const char* name, const char* shape, const char* meaning,
                    Complaint (*check)(std::string_view), std::vector<std::string>& out) {
    return read_each(name, shape, meaning, [check, &out](const std::string& text) {
      out.push_back(text);
      return check ? check(text) : text.empty() ? "needs a value" : Complaint();
    });
  }

  CLI::Option* word(const char* name, std::span<const std::string_view> words, const char* shape,
                    const char* meaning, std::string& out) {
    return read(name, shape, meaning,
                [words, &out](const std::string& text) { return read_word(text, words, out); });
  }

  void set(const char* name, const char* meaning, bool& out) { app_.add_flag(name, out, meaning); }

 private:
  CLI::App& app_;
};

void log_flags(Flags& flags, LogOptions& log) {
  flags.word("--log-level", kLevels, "LEVEL", "trace, debug, info, warn (default), error, off",
             log.level);
  flags.read("--log-format", "FORMAT", "text (default) or json", [&log](const std::string& text) {
    std::string format;
    Complaint wrong = read_word(text, kLogFormats, format);
    log.json = format == "json";
    return wrong;
  });
}

// What to watch: shared by run and record.
void tap_flags(Flags& flags, RunCommand& run) {
  flags.each("--interface", "IF", "Interface, also IF:leaf or IF:host; repeatable (default: all)",
             check_interface, run.interfaces);
  flags.value("--netns", "PATH|NAME", "Network namespace of the service", run.netns);
  flags.value("--pid", "PID", "Process whose network namespace to watch", run.pid);
  flags.value("--for", "D", "End by itself after this time", run.run_for);
}

void port_flag(Flags& flags, RunCommand& run) {
  flags.read_each("--port", "PORT", "TCP port of the service; repeatable",
                  [&run](const std::string& text) { return read_ports(text, run.ports); });
}

// What is sent where: shared by run and replay.
void shadow_flags(Flags& flags, RunCommand& run) {
  flags.value("--config", "FILE", "Configuration file (YAML); flags override it", run.config_file);
  flags.value("--service", "NAME", "Service that the flags are about", run.service);
  flags.checked("--candidate", "URL", "The release under test", check_target,
                run.candidate);
  flags.checked("--secondary", "URL", "A second copy of the original release: learns noise",
                check_target, run.secondary);
  flags.each("--mirror", "URL", "Gets the traffic, is not compared; repeatable", check_target,
             run.mirrors);
  flags.each("--allow", "RE", "Send only paths that match; repeatable", nullptr, run.allow);
  flags.each("--deny", "RE", "Never send paths that match; repeatable", nullptr, run.deny);
  flags.each("--set-header", "'K: V'", "Header to set on shadow requests; repeatable",
             check_header, run.set_headers);
  flags.each("--ignore", "PATH", "Difference to forgive, e.g. $.meta.time; repeatable", nullptr,
             run.ignore);
  flags.read("--timeout", "D", "Deadline of an answer (default 5s)",
             [&run](const std::string& text) {
               Complaint wrong = read_value(text, run.timeout);
               return wrong.empty() && run.timeout == Duration::zero() ? "must be more than 0"
                                                                       : wrong;
             });
  flags.read_each("--method", "M", "Method to send; repeatable (default GET HEAD OPTIONS)",
                  [&run](const std::string& text) { return read_methods(text, run.methods); });
  flags.set("--allow-side-effects", "Send every method", run.allow_side_effects);
  flags.read("--sample", "PERCENT", "Share of the requests to send (default 100)",
             [&run](const std::string& text) { return read_percent(text, run.sample); });
  flags.read("--rate", "N/s", "Requests a second, all targets together",
             [&run](const std::string& text) { return read_rate(text, run.rate); });
  flags.value("--max-in-flight", "N", "Requests in flight, all targets together",
              run.max_in_flight);
}

void run_flags(Flags& flags, RunCommand& run) {
  port_flag(flags, run);
  shadow_flags(flags, run);
  tap_flags(flags, run);
  flags.value("--guard", "on|off", "Slow down when the original suffers (default on)", run.guard);
  flags.checked("--listen", "ADDR", "Address of API and page (default 127.0.0.1:9900)",
                check_listen, run.listen);
  flags.checked("--metrics-listen", "ADDR", "Address for /metrics /healthz /readyz only",
                check_listen, run.metrics_listen);
  flags.value("--api-token-file", "FILE", "Bearer token; needed where --listen is not loopback",
              run.api_token_file);
  flags.value("--data-dir", "DIR", "Where results and run-time changes are kept", run.data_dir);
  flags.set("--exit-verdict", "Exit by the verdict: 0 pass, 1 fail, 3 inconclusive",
            run.exit_verdict);
  flags.each("--report", "FILE", "Report at the end: .txt .md .json .html .xml; repeatable",
             check_report, run.reports);
  flags.set("--check-config", "Validate, print the effective configuration, and end",
            run.check_config);
  log_flags(flags, run.log);
}

void demo_flags(Flags& flags, DemoCommand& demo) {
  flags.value("--for", "D", "End by itself after this time", demo.run_for);
  flags.checked("--listen", "ADDR", "Address of API and page (default 127.0.0.1:9900)",
                check_listen, demo.listen);
  log_flags(flags, demo.log);
}

void api_flags(Flags& flags, ApiCommand& api) {
  flags.checked("--api", "URL", "The agent (default http://127.0.0.1:9900)", check_url, api.api);
  flags.value("--token-file", "FILE", "Bearer token of the API", api.token_file);
  flags.value("--service", "NAME", "Only this service", api.service);
}

void report_flags(Flags& flags, ReportCommand& report) {
  api_flags(flags, report.api);
  flags.word("--format", kReportFormats, "FORMAT", "text (default), md, json, html, junit",
             report.format);
}

void verdict_flags(Flags& flags, VerdictCommand& verdict) {
  api_flags(flags, verdict.api);
  flags.value("--wait", "D", "Wait until it is conclusive, at most this long", verdict.wait);
  flags.read("--min-compared", "N", "Comparisons needed to pass",
             [&verdict](const std::string& text) {
               std::optional<std::size_t> number;
               Complaint wrong = read_value(text, number);
               if (number) verdict.min_compared = *number;
               return wrong;
             });
}

void check_flags(Flags& flags, CheckCommand& check) {
  flags.each("--interface", "IF", "Look at this interface; repeatable", check_interface,
             check.interfaces);
  flags.value("--netns", "PATH|NAME", "Network namespace of the service", check.netns);
  flags.set("--json", "Print JSON", check.json);
}

void detach_flags(Flags& flags, DetachCommand& detach) {
  CLI::Option* netns = flags.value("--netns", "PATH|NAME",
                                   "Network namespace to look at (default: this one)", detach.netns);
  flags.value("--pid", "PID", "Process whose network namespace to look at", detach.pid)
      ->excludes(netns);
  flags.set("--dry-run", "Only say what would go", detach.dry_run);
}

void record_flags(Flags& flags, RecordCommand& record) {
  port_flag(flags, record.run);
  tap_flags(flags, record.run);
  flags.value("--output", "FILE.gor", "File to write (GoReplay's format)", record.output)
      ->required();
  flags.read("--size-limit", "SIZE", "Begin another file beyond this size",
             [&record](const std::string& text) { return read_size(text, record.size_limit); });
  flags.set("--with-secrets", "Do not redact credentials (file mode 0600)", record.with_secrets);
  log_flags(flags, record.run.log);
}

void replay_flags(Flags& flags, ReplayCommand& replay) {
  static constexpr std::array<std::string_view, 2> kListFormats{"text", "json"};
  replay.run.from_file = true;
  flags.value("FILE", "", ".pcap, .pcapng or .gor", replay.file)->required();
  port_flag(flags, replay.run);
  shadow_flags(flags, replay.run);
  flags.read("--speed", "1|2|max", "Times the recorded speed (default max)",
             [&replay](const std::string& text) -> Complaint {
               std::optional<double> rate;
               if (text != "max" && (!read_rate(text, rate).empty() || *rate <= 0)) {
                 return "'" + text + "' is neither a factor (1, 2, 0.5) nor 'max'";
               }
               replay.speed = text;
               return {};
             });
  flags.set("--list", "Print the exchanges instead of sending them", replay.list);
  flags.word("--format", kListFormats, "FORMAT", "Of --list: text (default) or json",
             replay.format);
  flags.word("--report", kReportFormats, "FORMAT", "text (default), md, json, html, junit",
             replay.report);
  log_flags(flags, replay.run.log);
}

void compare_flags(Flags& flags, CompareCommand& compare) {
  flags.value("LEFT", "", "File (raw HTTP response, or a body) or URL", compare.left)->required();
  flags.value("RIGHT", "", "The same of the other side", compare.right)->required();
  flags.value("--content-type", "TYPE", "Media type of bodies (default: sniffed)",
              compare.content_type);
  flags.value("--rules", "FILE", "YAML with the keys under 'compare:'", compare.rules_file);
  flags.word("--format", kLogFormats, "FORMAT", "text (default on a terminal) or json",
             compare.format);
}

// One command: what it is called, what fills it, what it becomes.
class Commands {
 public:
  Commands() {
    app_.name("shadowtap");
    app_.description("Shadows a service's live traffic to a release under test and shows where "
                     "the answers differ.");
    app_.set_version_flag("--version", "shadowtap " SHADOWTAP_VERSION);
    app_.require_subcommand(0, 1);
    app_.allow_extras();
    add_all();
  }

  Command parse(int argc, const char* const* argv) {
    std::string wrong;
    try {
      app_.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      return Usage{0, app_.help()};
    } catch (const CLI::CallForVersion& version) {
      return Usage{0, std::string(version.what()) + "\n"};
    } catch (const CLI::ParseError& error) {
      wrong = error.what();
    }
    // What was not understood explains more than what is missing because of it.
    if (std::string extra = first_extra(); !extra.empty()) wrong = extra;
    if (!wrong.empty()) return usage(wrong);
    if (app_.get_subcommands().empty()) return Usage{2, app_.help()};
    return results_.at(app_.get_subcommands().front())();
  }

 private:
  template <class T>
  void add(const char* name, const char* meaning, void (*describe)(Flags&, T&)) {
    CLI::App* sub = app_.add_subcommand(name, meaning);
    sub->allow_extras();
    auto value = std::make_shared<T>();  // shared with the callbacks that fill it
    auto flags = std::make_shared<Flags>(*sub);
    describe(*flags, *value);
    results_[sub] = [value, flags]() -> Command { return *value; };
  }

  void add_all() {
    add<RunCommand>("run", "Attach, shadow, diff and serve until SIGINT or SIGTERM", run_flags);
    add<DemoCommand>("demo", "The whole thing on this machine, with planted differences",
                     demo_flags);
    add<ReportCommand>("report", "Print the findings as they stand", report_flags);
    add<PauseCommand>("pause", "Stop sending, go on observing",
                      [](Flags& flags, PauseCommand& pause) { api_flags(flags, pause.api); });
    add<ResumeCommand>("resume", "Send again",
                       [](Flags& flags, ResumeCommand& resume) { api_flags(flags, resume.api); });
    add<DetachCommand>("detach", "Remove our filters from this host", detach_flags);
    add<CheckCommand>("check", "What this host can do, and the cure where it cannot",
                      check_flags);
    add<RecordCommand>("record", "Write exchanges to a file", record_flags);
    add<ReplayCommand>("replay", "The same from a .pcap, .pcapng or .gor file", replay_flags);
    add<CompareCommand>("compare", "Compare two responses: files or URLs", compare_flags);
    add<VerdictCommand>("verdict", "Exit 0 pass, 1 fail, 2 error, 3 inconclusive",
                        verdict_flags);
  }

  const CLI::App& selected() const {
    const auto commands = app_.get_subcommands();
    return commands.empty() ? app_ : *commands.front();
  }

  // Where quotes were forgotten, a word that nobody expects may be the header's value.
  bool sets_header() const {
    const CLI::Option* option = selected().get_option_no_throw("--set-header");
    return option && !option->results().empty();
  }

  std::string first_extra() const {
    const std::vector<std::string> extras = app_.remaining(true);
    if (extras.empty()) return {};
    const std::string word = extras.front().substr(0, extras.front().find('='));
    const bool flag = word.starts_with('-');
    if (!flag && sets_header()) {
      return "unexpected argument; does --set-header have the whole header in quotes ('Name: value')?";
    }
    if (!flag && &selected() != &app_) return "unexpected argument '" + extras.front() + "'";
    std::vector<std::string> names;
    if (flag) {
      for (const CLI::Option* option : selected().get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
      }
    } else {
      for (const CLI::App* sub : app_.get_subcommands({})) names.push_back(sub->get_name());
    }
    return unknown(flag ? "flag" : "command", word,
                   std::vector<std::string_view>(names.begin(), names.end()));
  }

  Usage usage(const std::string& wrong) const {
    const bool top = &selected() == &app_;
    const std::string command = top ? "shadowtap" : "shadowtap " + selected().get_name();
    return {2, command + ": " + wrong + "\nSee '" + command + " --help'.\n"};
  }

  CLI::App app_;
  std::map<const CLI::App*, std::function<Command()>> results_;
};

}  // namespace

Command parse(int argc, const char* const* argv) { return Commands().parse(argc, argv); }

}  // namespace shadowtap::config
