#include "agent/config/host_sockets.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

#include "agent/base/unique_fd.h"

namespace shadowtap::config {
namespace {

Endpoint v4(std::uint32_t network_order, std::uint16_t port) {
  std::uint8_t b[4];
  std::memcpy(b, &network_order, sizeof b);
  return Endpoint::v4(b[0], b[1], b[2], b[3], port);
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

Endpoint endpoint_of(const inet_diag_msg& message) {
  const std::uint16_t port = ntohs(message.id.idiag_sport);
  if (message.idiag_family == AF_INET) return v4(message.id.idiag_src[0], port);
  Endpoint endpoint;
  std::memcpy(endpoint.address.data(), message.id.idiag_src, endpoint.address.size());
  endpoint.port = port;
  return endpoint;
}

bool ask(int socket, int family) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } message{};
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.sdiag_family = static_cast<std::uint8_t>(family);
  message.request.sdiag_protocol = IPPROTO_TCP;
  message.request.idiag_states = 1U << TCP_LISTEN;
  return ::send(socket, &message, sizeof message, 0) == sizeof message;
}

// Until the dump is done; false where the kernel refuses it.
bool collect(int socket, std::vector<Endpoint>& all) {
  alignas(nlmsghdr) std::array<char, 32 << 10> buffer;
  while (true) {
    const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    auto left = static_cast<std::size_t>(got);
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE) return true;
      if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY) return false;
      all.push_back(endpoint_of(*static_cast<const inet_diag_msg*>(NLMSG_DATA(header))));
    }
  }
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

std::string read_all(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::optional<std::vector<Endpoint>> diagnosed_listeners() {
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!socket) return std::nullopt;
  const timeval patience{1, 0};  // the kernel answers at once; nothing here may hang
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::vector<Endpoint> all;
  for (const int family : {AF_INET, AF_INET6}) {
    if (!ask(socket.get(), family) || !collect(socket.get(), all)) return std::nullopt;
  }
  return all;
}

std::vector<Endpoint> proc_listeners() {
  std::vector<Endpoint> all = parse_listeners(read_all("/proc/net/tcp"));
  const std::vector<Endpoint> six = parse_listeners(read_all("/proc/net/tcp6"));
  all.insert(all.end(), six.begin(), six.end());
  return all;
}

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

bool is_elsewhere(const Endpoint& address) {
  const int family = address.is_v4() ? AF_INET : AF_INET6;
  const UniqueFd socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in four{};
  four.sin_family = AF_INET;
  std::memcpy(&four.sin_addr, address.address.data() + 12, sizeof four.sin_addr);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  std::memcpy(&six.sin6_addr, address.address.data(), sizeof six.sin6_addr);
  const int bound =
      family == AF_INET
          ? ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&four), sizeof four)
          : ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&six), sizeof six);
  return socket && bound != 0 && errno == EADDRNOTAVAIL;
}

HostSockets host_sockets() {
  auto diagnosed = diagnosed_listeners();
  return {interface_addresses(), diagnosed ? std::move(*diagnosed) : proc_listeners()};
}

}  // namespace shadowtap::config
