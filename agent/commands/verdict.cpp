// verdict: the gate of a pipeline. With --wait it asks again until the verdict is
// conclusive or the time is up; an agent that is not there yet is waited for as well.
#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <thread>

#include "agent/api/report/words.h"
#include "agent/base/text.h"
#include "agent/commands/api_command.h"
#include "agent/commands/commands.h"

namespace shadowtap::commands {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr Duration kFirstPause = 250ms;
constexpr Duration kLongestPause = 5s;

// Harmless for a terminal: routes and paths come from captured traffic.
std::string text_of(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  return value && value->is_string() ? api::printable(value->get_string().c_str()) : std::string();
}

void print_need(const json::object& need) {
  const json::value* n = need.if_contains("comparisons");
  const json::value* eta = need.if_contains("eta_seconds");
  const std::string route = text_of(need, "route");
  std::printf("  needs %sabout %.0f more comparisons", route.empty() || route == "*" ? "" : (route + ": ").c_str(),
              n && n->is_number() ? n->to_number<double>() : 0);
  if (eta && eta->is_number() && std::abs(eta->to_number<double>()) < 1e8) {
    const std::chrono::seconds rounded(std::llround(eta->to_number<double>()));
    std::printf(", %s at this rate", format_duration(rounded).c_str());
  }
  std::printf("\n");
}

void print(const json::object& verdict) {
  const json::value* compared = verdict.if_contains("compared");
  std::printf("%s (%.0f compared since %s)\n", text_of(verdict, "verdict").c_str(),
              compared && compared->is_number() ? compared->to_number<double>() : 0,
              text_of(verdict, "since").c_str());
  if (const json::value* reasons = verdict.if_contains("reasons"); reasons && reasons->is_array()) {
    for (const json::value& reason : reasons->get_array()) {
      if (reason.is_string()) std::printf("  - %s\n", api::printable(reason.get_string().c_str()).c_str());
    }
  }
  if (const json::value* needs = verdict.if_contains("needs"); needs && needs->is_array()) {
    for (const json::value& need : needs->get_array()) {
      if (need.is_object()) print_need(need.get_object());
    }
  }
}

Result<json::object> ask_verdict(const config::VerdictCommand& command) {
  std::vector<std::string> more;
  if (command.min_compared) {
    more.push_back(api::query_pair("min_compared", std::to_string(*command.min_compared)));
  }
  const auto body = ask(command.api, "GET", with_query("/api/v1/verdict", command.api, more));
  if (!body) return body.error();
  boost::system::error_code error;
  json::value answer = json::parse(*body, error);
  if (error || !answer.is_object()) {
    return plain_error(command.api.api + ": the answer is not a verdict");
  }
  return std::move(answer.get_object());
}

// An agent that starts, or a connection that broke, may be back; a refusal stays one.
bool worth_waiting(const Error& error) { return static_cast<bool>(error.code); }

Result<json::object> conclusive(const config::VerdictCommand& command) {
  const Time end = std::chrono::steady_clock::now() + command.wait.value_or(0s);
  for (Duration pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    auto verdict = ask_verdict(command);
    const bool wait = verdict ? text_of(*verdict, "verdict") == "inconclusive"
                              : worth_waiting(verdict.error());
    const Duration left = end - std::chrono::steady_clock::now();
    if (!wait || left <= 0s) return verdict;
    std::this_thread::sleep_for(std::min(pause, left));
  }
}

}  // namespace

int verdict(const config::VerdictCommand& command) {
  const auto answer = conclusive(command);
  if (!answer) {
    std::fprintf(stderr, "shadowtap: %s\n", answer.error().message().c_str());
    return 2;
  }
  print(*answer);
  const std::string word = text_of(*answer, "verdict");
  return word == "pass" ? 0 : word == "fail" ? 1 : 3;
}

}  // namespace shadowtap::commands
