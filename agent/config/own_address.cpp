#include "agent/config/own_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>

#include "agent/config/urls.h"

namespace shadowtap::config {
namespace {

// Without port: port 0.
std::optional<Endpoint> numeric(const std::string& host) {
  std::uint8_t four[4];
  if (::inet_pton(AF_INET, host.c_str(), four) == 1) {
    return Endpoint::v4(four[0], four[1], four[2], four[3], 0);
  }
  Endpoint endpoint;
  if (::inet_pton(AF_INET6, host.c_str(), endpoint.address.data()) == 1) return endpoint;
  return std::nullopt;
}

bool is_wildcard(Endpoint endpoint) {
  endpoint.port = 0;
  return endpoint == Endpoint() || endpoint == Endpoint::v4(0, 0, 0, 0, 0);
}

bool is_loopback_address(const Endpoint& endpoint) {
  return endpoint.is_v4() ? endpoint.address[12] == 127 : endpoint == *numeric("::1");
}

Endpoint loopback(const Endpoint& family_of) {
  return family_of.is_v4() ? Endpoint::v4(127, 0, 0, 1, 0) : *numeric("::1");
}

// A service on 0.0.0.0 and on [::], or on both addresses of localhost, is one service.
Endpoint one_of_both_families(Endpoint listener) {
  listener.port = 0;
  if (is_wildcard(listener)) return {};
  return listener == *numeric("::1") ? loopback(Endpoint::v4(0, 0, 0, 0, 0)) : listener;
}

}  // namespace

bool is_own(const Endpoint& target, std::uint16_t port, const HostSockets& host) {
  if (target.port != port) return false;
  Endpoint address = target;
  address.port = 0;
  const bool here = is_wildcard(address) || is_loopback_address(address) ||
                    std::find(host.addresses.begin(), host.addresses.end(), address) !=
                        host.addresses.end();
  if (!here) return false;
  std::vector<Endpoint> distinct;
  for (Endpoint listener : host.listeners) {
    if (listener.port != port) continue;
    listener = one_of_both_families(listener);
    if (std::find(distinct.begin(), distinct.end(), listener) == distinct.end()) {
      distinct.push_back(listener);
    }
  }
  // Nobody listens yet: 127.0.0.2 and its like are used to tell sockets apart.
  if (distinct.empty()) return !is_loopback_address(address) || address == loopback(address);
  const auto listens = [&](const Endpoint& on) {
    return std::find(distinct.begin(), distinct.end(), on) != distinct.end();
  };
  // Whose the wildcard socket is cannot be seen: taken for the service's.
  if (!listens(one_of_both_families(address))) return listens(Endpoint());
  return distinct.size() == 1;
}

bool is_own(const std::string& url, std::uint16_t port, const HostSockets& host) {
  const HostPort target = host_port(url);
  auto address = numeric(target.host == "localhost" ? "127.0.0.1" : target.host);
  if (!address) return false;
  address->port = target.port;
  return is_own(*address, port, host);
}

std::function<bool(const Endpoint&)> own_check(const Config& config,
                                               const ServiceConfig& service) {
  if (!config.capture.netns.empty()) return {};
  return [ports = service.ports](const Endpoint& target) {
    const bool may_be = std::find(ports.begin(), ports.end(), target.port) != ports.end();
    return may_be && !is_elsewhere(target) && is_own(target, target.port, host_sockets());
  };
}

std::string own_target(const Config& config, const HostSockets& host) {
  // In another namespace these addresses and sockets say nothing about the service.
  if (!config.capture.netns.empty()) return {};
  for (const ServiceConfig& service : config.services) {
    for (const shadow::TargetOptions& target : service.targets()) {
      for (const std::uint16_t port : service.ports) {
        if (!is_own(target.url, port, host)) continue;
        return "service '" + service.name + "': target " + without_password(target.url) +
               " is the service itself; it would shadow its own shadows (a candidate on the same port "
               "needs a socket that listens on an address of its own)";
      }
    }
  }
  return {};
}

}  // namespace shadowtap::config
