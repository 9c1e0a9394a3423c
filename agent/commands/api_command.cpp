#include "agent/commands/api_command.h"

#include <boost/json.hpp>
#include <cstdio>

namespace shadowtap::commands {
namespace {

namespace json = boost::json;

std::string detail_of(const api::CallAnswer& answer) {
  boost::system::error_code error;
  const json::value body = json::parse(answer.body, error);
  const json::object* object = error ? nullptr : body.if_object();
  const json::value* detail = object ? object->if_contains("detail") : nullptr;
  if (detail && detail->is_string()) return std::string(detail->get_string());
  return "it answered with status " + std::to_string(answer.status);
}

void print_states(const std::string& body) {
  boost::system::error_code error;
  const json::value answer = json::parse(body, error);
  if (error || !answer.is_object()) return;
  const json::value* services = answer.get_object().if_contains("services");
  if (!services || !services->is_array()) return;
  for (const json::value& service : services->get_array()) {
    const json::object* object = service.if_object();
    const json::value* name = object ? object->if_contains("name") : nullptr;
    const json::value* paused = object ? object->if_contains("paused") : nullptr;
    if (!name || !name->is_string() || !paused || !paused->is_bool()) continue;
    std::printf("%s: %s\n", name->get_string().c_str(),
                paused->get_bool() ? "paused, observing only" : "sending");
  }
}

}  // namespace

std::string with_query(std::string_view path, const config::ApiCommand& command,
                       const std::vector<std::string>& more) {
  std::string target(path);
  char separator = '?';
  const auto add = [&](const std::string& pair) {
    target += std::exchange(separator, '&') + pair;
  };
  if (!command.service.empty()) add(api::query_pair("service", command.service));
  for (const std::string& pair : more) add(pair);
  return target;
}

Result<std::string> ask(const config::ApiCommand& command, const std::string& method,
                        const std::string& target) {
  const auto client = api::Client::open(command.api, command.token_file);
  if (!client) return client.error();
  auto answer = client->ask(method, target);
  if (!answer && answer.error().code == std::errc::connection_refused) {
    return Error{answer.error().code, "no agent at " + command.api + " (--api URL names another)"};
  }
  if (!answer) return answer.error();
  if (answer->status != 200) return plain_error(command.api + ": " + detail_of(*answer));
  return std::move(answer->body);
}

int set_sending(const config::ApiCommand& command, const char* path) {
  const auto answer = ask(command, "POST", with_query(path, command));
  if (!answer) {
    std::fprintf(stderr, "shadowtap: %s\n", answer.error().message().c_str());
    return 1;
  }
  print_states(*answer);
  return 0;
}

}  // namespace shadowtap::commands
