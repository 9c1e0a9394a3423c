// `shadowtap compare LEFT RIGHT`: 0 equal, 1 different, 2 error.
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "agent/commands/commands.h"
#include "agent/commands/compare_input.h"
#include "agent/commands/compare_output.h"
#include "agent/config/rules_file.h"

namespace shadowtap::commands {
namespace {

constexpr Duration kFetchTimeout = std::chrono::seconds(30);
constexpr int kError = 2;

// Nobody waits behind this one: room for two listings of a hundred megabytes.
constexpr diff::Budget kBudget{
    .max_differences = 10'000, .max_steps = 1'000'000'000, .max_shown_bytes = 16 << 10};
constexpr std::size_t kShownInText = 400;

int fail(const std::string& why) {
  std::fprintf(stderr, "shadowtap: %s\n", why.c_str());
  return kError;
}

Result<std::shared_ptr<const diff::RuleSet>> rules_of(const config::CompareCommand& command) {
  if (command.rules_file.empty()) return diff::RuleSet::none();
  const auto rules = config::load_rules(command.rules_file);
  if (!rules) return rules.error();
  std::string error;
  auto compiled = diff::RuleSet::compile(*rules, "", error);
  if (!compiled) return plain_error(command.rules_file + ": " + error);
  return compiled;
}

TextStyle terminal_style() {
  TextStyle style;
  style.colour = isatty(STDOUT_FILENO) == 1;
  winsize size{};
  if (style.colour && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    style.width = size.ws_col;
  }
  return style;
}

}  // namespace

int compare(const config::CompareCommand& command) {
  const bool text =
      command.format.empty() ? isatty(STDOUT_FILENO) == 1 : command.format == "text";
  const auto rules = rules_of(command);
  if (!rules) return fail(rules.error().message());
  const auto left = CompareInput::load(command.left, command.content_type, kFetchTimeout);
  if (!left) return fail(left.error().message());
  const auto right = CompareInput::load(command.right, command.content_type, kFetchTimeout);
  if (!right) return fail(right.error().message());

  diff::Budget budget = kBudget;
  if (text) budget.max_shown_bytes = kShownInText;
  const auto differences = diff::compare(left->view(), right->view(), **rules, budget);
  const std::string out = text ? as_text(differences, terminal_style()) : as_json(differences);
  if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size() || std::fflush(stdout) != 0) {
    return fail("write the result: " + errno_error("").message());
  }
  return differences.equal ? 0 : 1;
}

}  // namespace shadowtap::commands
