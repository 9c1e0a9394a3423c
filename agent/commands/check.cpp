#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "agent/capture/tap.h"
#include "agent/commands/commands.h"

namespace shadowtap::commands {
namespace {

using capture::CheckLine;

const char* mark_of(const CheckLine& line) {
  if (line.ok) return "ok  ";
  return line.needed ? "FAIL" : "note";
}

void print_text(const std::vector<CheckLine>& lines, bool would_work) {
  for (const CheckLine& line : lines) {
    fmt::print("{} {}: {}\n", mark_of(line), line.what, line.finding);
    if (!line.ok && !line.cure.empty()) fmt::print("     cure: {}\n", line.cure);
  }
  fmt::print("{}\n", would_work ? "`shadowtap run` would work here"
                                : "`shadowtap run` would not work here");
}

void print_json(const std::vector<CheckLine>& lines, bool would_work) {
  boost::json::array array;
  for (const CheckLine& line : lines) {
    boost::json::object object{{"ok", line.ok},
                               {"needed", line.needed},
                               {"what", line.what},
                               {"finding", line.finding}};
    if (!line.ok) object["cure"] = line.cure;
    array.push_back(std::move(object));
  }
  const boost::json::object document{{"ok", would_work}, {"checks", std::move(array)}};
  fmt::print("{}\n", boost::json::serialize(document));
}

}  // namespace

int check(const config::CheckCommand& command) {
  const auto lines = capture::check_host(command.interfaces, command.netns);
  const bool would_work = std::ranges::none_of(
      lines, [](const CheckLine& line) { return line.needed && !line.ok; });
  if (command.json)
    print_json(lines, would_work);
  else
    print_text(lines, would_work);
  return would_work ? 0 : 1;
}

}  // namespace shadowtap::commands
