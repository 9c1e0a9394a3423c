#include "agent/config/own_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>

#include "agent/config/checks.h"

namespace shadowtap::config {
namespace {

Endpoint v4(std::uint32_t network_order, std::uint16_t port) {
  std::uint8_t b[4];
  std::memcpy(b, &network_order, sizeof b);
  return Endpoint::v4(b[0], b[1], b[2], b[3], port);
}

// Without port: port 0.
std::optional<Endpoint> numeric(const std::string& host) {
  in_addr four{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) return v4(four.s_addr, 0);
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

// "0100007F:1F90" of tcp, 32 hex digits of tcp6; words are in host byte order.
std::optional<Endpoint> parse_address(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  Endpoint endpoint;
  std::uint32_t words[4] = {};
  for (std::size_t i = 0; i * 8 < colon; ++i) {
    const char* from = text.data() + i * 8;
    if (std::from_chars(from, from + 8, words[i], 16).ptr != from + 8) return std::nullopt;
  }
  std::uint16_t port = 0;
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), port, 16);
  if (colon == 8) return v4(words[0], port);
  std::memcpy(endpoint.address.data(), words, sizeof words);
  endpoint.port = port;
  return endpoint;
}

std::vector<Endpoint> interface_addresses() {
  std::vector<Endpoint> all;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return all;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  for (const ifaddrs* one = list; one; one = one->ifa_next) {
    if (!one->ifa_addr) continue;
    if (one->ifa_addr->sa_family == AF_INET) {
      all.push_back(v4(reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr.s_addr, 0));
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      Endpoint& endpoint = all.emplace_back();
      std::memcpy(endpoint.address.data(),
                  &reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr, 16);
    }
  }
  return all;
}

std::string read_all(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::vector<Endpoint> parse_listeners(const std::string& proc_net_tcp) {
  constexpr const char* kListen = "0A";
  std::vector<Endpoint> all;
  std::istringstream lines(proc_net_tcp);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string index, local, remote, state;
    words >> index >> local >> remote >> state;
    const std::optional<Endpoint> endpoint = parse_address(local);
    if (state == kListen && endpoint) all.push_back(*endpoint);
  }
  return all;
}

HostSockets host_sockets() {
  HostSockets host{interface_addresses(), parse_listeners(read_all("/proc/net/tcp"))};
  const std::vector<Endpoint> six = parse_listeners(read_all("/proc/net/tcp6"));
  host.listeners.insert(host.listeners.end(), six.begin(), six.end());
  return host;
}

bool is_own(const std::string& url, std::uint16_t port, const HostSockets& host) {
  const HostPort target = host_port(url);
  if (target.port != port) return false;
  const auto address = numeric(target.host == "localhost" ? "127.0.0.1" : target.host);
  if (!address) return false;
  const bool here = is_wildcard(*address) || is_loopback_address(*address) ||
                    std::find(host.addresses.begin(), host.addresses.end(), *address) !=
                        host.addresses.end();
  if (!here) return false;
  // A service on 0.0.0.0 and on [::] is one service; any other second socket is another one.
  std::vector<Endpoint> distinct;
  for (Endpoint listener : host.listeners) {
    if (listener.port != port) continue;
    if (is_wildcard(listener)) listener = Endpoint();
    listener.port = 0;
    if (std::find(distinct.begin(), distinct.end(), listener) == distinct.end()) {
      distinct.push_back(listener);
    }
  }
  // Nobody listens yet: 127.0.0.2 and its like are used to tell sockets apart.
  if (distinct.empty()) return !is_loopback_address(*address) || *address == loopback(*address);
  const bool direct = std::find(distinct.begin(), distinct.end(), *address) != distinct.end();
  const bool wildcard = std::find(distinct.begin(), distinct.end(), Endpoint()) != distinct.end();
  return (direct || wildcard) && distinct.size() == 1;
}

std::string own_target(const Config& config, const HostSockets& host) {
  // In another namespace these addresses and sockets say nothing about the service.
  if (!config.capture.netns.empty()) return {};
  for (const ServiceConfig& service : config.services) {
    for (const shadow::TargetOptions& target : service.targets()) {
      for (const std::uint16_t port : service.ports) {
        if (!is_own(target.url, port, host)) continue;
        return "service '" + service.name + "': target " + without_password(target.url) +
               " is the service itself; it would shadow its own shadows";
      }
    }
  }
  return {};
}

}  // namespace shadowtap::config
