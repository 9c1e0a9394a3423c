#include "agent/api/listen_address.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace shadowtap::api {
namespace {

bool is_loopback(const std::string& address, bool& numeric) {
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    numeric = true;
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  numeric = ::inet_pton(AF_INET6, address.c_str(), &v6) == 1;
  return numeric && IN6_IS_ADDR_LOOPBACK(&v6);
}

constexpr int kSocketKind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr int kBacklog = 128;

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  return address;
}

// A socket file left behind by a killed agent; anything else stays.
void remove_dead_socket(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  const UniqueFd probe(::socket(AF_UNIX, kSocketKind, 0));
  const sockaddr_un address = unix_address(path);
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno == ECONNREFUSED) {
    ::unlink(path.c_str());
  }
}

Result<UniqueFd> listen_unix(const ListenAddress& where) {
  remove_dead_socket(where.unix_path);
  UniqueFd fd(::socket(AF_UNIX, kSocketKind, 0));
  const sockaddr_un address = unix_address(where.unix_path);
  // Nobody can connect between bind and chmod: it does not listen yet.
  if (!fd ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(where.unix_path.c_str(), 0660) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return errno_error("listen on " + where.to_string());
  }
  return fd;
}

sockaddr_storage ip_address(const ListenAddress& where, socklen_t& size) {
  sockaddr_storage storage{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (::inet_pton(AF_INET, where.address.c_str(), &v4->sin_addr) == 1) {
    storage.ss_family = AF_INET;
    v4->sin_port = htons(where.port);
    size = sizeof *v4;
    return storage;
  }
  ::inet_pton(AF_INET6, where.address.c_str(), &v6->sin6_addr);
  storage.ss_family = AF_INET6;
  v6->sin6_port = htons(where.port);
  size = sizeof *v6;
  return storage;
}

Result<UniqueFd> listen_tcp(ListenAddress& where) {
  socklen_t size = 0;
  sockaddr_storage address = ip_address(where, size);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  UniqueFd fd(::socket(address.ss_family, kSocketKind, 0));
  const int on = 1, off = 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (where.address == "::") {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (!fd || ::bind(fd.get(), generic, size) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return errno_error("listen on " + where.to_string());
  }
  if (::getsockname(fd.get(), generic, &size) != 0) return errno_error("read the listening port");
  const in_port_t port = address.ss_family == AF_INET
                             ? reinterpret_cast<const sockaddr_in*>(&address)->sin_port
                             : reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port;
  where.port = ntohs(port);
  return fd;
}

}  // namespace

Result<ListenAddress> ListenAddress::parse(std::string_view text) {
  const auto wrong = [text](const char* why) {
    return plain_error("listen address '" + std::string(text) + "': " + why);
  };
  ListenAddress out;
  if (text.starts_with("unix:")) {
    out.unix_path = text.substr(5);
    if (out.unix_path.empty() || out.unix_path.size() > 107) return wrong("not a socket path");
    return out;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong("expected ADDRESS:PORT or unix:PATH");
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size()) {
    return wrong("the port must be a number from 0 to 65535");
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  out.address = host == "localhost" ? "127.0.0.1" : host.empty() || host == "*" ? "::" : host;
  bool numeric = false;
  out.loopback = is_loopback(out.address, numeric);
  if (!numeric) return wrong("the address must be numeric, or localhost");
  return out;
}

std::string ListenAddress::to_string() const {
  if (!unix_path.empty()) return "unix:" + unix_path;
  const bool v6 = address.find(':') != std::string::npos;
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

Result<UniqueFd> listen_on(ListenAddress& address) {
  return address.unix_path.empty() ? listen_tcp(address) : listen_unix(address);
}

}  // namespace shadowtap::api
