#include "tests/bpf/sockets.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace shadowtap::testing {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Address parse(const std::string& text, std::uint16_t port) {
  Address address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    address.size = sizeof v4;
  } else {
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    address.size = sizeof v6;
  }
  return address;
}

UniqueFd open_socket(int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return fd;
}

}  // namespace

void Peer::sends(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ASSERT_GT(sent, 0);
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string Peer::receives(std::size_t bytes) {
  std::string text(bytes, '\0');
  std::size_t got = 0;
  while (got < bytes) {
    const ssize_t n = ::recv(fd_.get(), text.data() + got, bytes - got, 0);
    EXPECT_GT(n, 0);
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  text.resize(got);
  return text;
}

void Peer::resets() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd_.reset();
}

Listener::Listener(const std::string& address, std::uint16_t port) {
  Address at = parse(address, port);
  fd_ = open_socket(at.storage.ss_family);
  const int on = 1;
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&at.storage), at.size), 0) << address;
  EXPECT_EQ(::listen(fd_.get(), 128), 0);
  ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&at.storage), &at.size);
  port_ = ntohs(reinterpret_cast<sockaddr_in&>(at.storage).sin_port);  // same place in both
}

Peer Listener::accepts() {
  UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(fd);
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return Peer(std::move(fd));
}

Peer connect_to(const std::string& address, std::uint16_t port, std::uint32_t mark,
                const std::string& from) {
  Address at = parse(address, port);
  UniqueFd fd = open_socket(at.storage.ss_family);
  if (mark) {
    EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark), 0);
  }
  if (!from.empty()) {
    Address own = parse(from, 0);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&own.storage), own.size), 0) << from;
  }
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&at.storage), at.size), 0)
      << address << " " << port;
  return Peer(std::move(fd));
}

}  // namespace shadowtap::testing
