#include <fmt/format.h>

#include <cstdio>

#include "agent/agent.h"
#include "agent/commands/commands.h"
#include "agent/commands/session.h"
#include "agent/demo/service.h"
#include "agent/demo/traffic.h"
#include "agent/narration.h"

namespace shadowtap::commands {
namespace {

using namespace std::chrono_literals;

struct Shop {
  std::unique_ptr<demo::Service> original;
  std::unique_ptr<demo::Service> second_copy;
  std::unique_ptr<demo::Service> candidate;
};

Result<Shop> open_shop() {
  Shop shop;
  const std::pair<demo::Release, std::unique_ptr<demo::Service>*> all[] = {
      {demo::Release::kOriginal, &shop.original},
      {demo::Release::kSecondCopy, &shop.second_copy},
      {demo::Release::kCandidate, &shop.candidate}};
  for (const auto& [release, service] : all) {
    auto started = demo::Service::start(release);
    if (!started) return started.error();
    *service = std::move(*started);
  }
  return shop;
}

shadow::TargetOptions target(shadow::Role role, std::uint16_t port) {
  shadow::TargetOptions options;
  options.role = role;
  options.name = shadow::to_string(role);
  options.url = fmt::format("http://127.0.0.1:{}", port);
  return options;
}

config::Config demo_config(const Shop& shop, const std::string& listen) {
  config::ServiceConfig service;
  service.name = "shop";
  service.ports = {shop.original->port()};
  service.interfaces = {{"lo", capture::InterfaceChoice::Kind::kFound}};
  service.candidate = target(shadow::Role::kCandidate, shop.candidate->port());
  service.secondary = target(shadow::Role::kSecondary, shop.second_copy->port());
  service.select.side_effects = {{{"POST"}, "^/orders$"}};
  service.results.name = service.name;
  // All of it shares one machine, so shadows do slow the original down here.
  service.dispatch.guard = false;
  // Twenty seconds are enough to see that a path always differs; the default is thirty.
  service.results.noise.constant_time = 5s;

  config::Config config;
  config.api.listen = listen;
  config.services.push_back(std::move(service));
  return config;
}

void introduce(const Shop& shop, const config::Config& config, const std::string& api) {
  fmt::print(
      "Three copies of a small shop run on this machine: the original on port {}, a second copy\n"
      "of it on {}, and a candidate release on {}. The candidate answers differently in five\n"
      "planted ways; all three have planted noise (a timestamp and a request id).\n"
      "Users visit the original. The eBPF program on `lo` copies what they say and hear.\n\n",
      shop.original->port(), shop.second_copy->port(), shop.candidate->port());
  fmt::print("{}\n", what_is_sent(config.services.front(), config.limits));
  fmt::print("noise.constant is 5s here (default 30s), so that a short demo can conclude, and the guard\n"
             "is off, since users, services and agent share this machine\n");
  fmt::print("API: http://{0}   a page for people stands there too; try: curl http://{0}/api/v1/coverage\n\n", api);
  std::fflush(stdout);
}

}  // namespace

int demo(const config::DemoCommand& command) {
  auto shop = open_shop();
  if (!shop) return fail(kFailed, shop.error().message());
  const config::Config config = demo_config(*shop, command.listen);
  auto live = config::LiveConfig::open({config, config}, [config] {
    return Result<config::Effective>(config::Effective{config, config});
  });
  if (!live) return fail(kFailed, live.error().message());
  auto agent = Agent::start(std::move(*live));
  if (!agent) return fail(kFailed, agent.error().message());
  introduce(*shop, config, (*agent)->api_address());
  {
    const demo::Traffic traffic(shop->original->port());
    run_session(**agent, command.run_for);
  }
  return 0;
}

}  // namespace shadowtap::commands
