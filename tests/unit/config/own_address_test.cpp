#include "agent/config/own_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "agent/base/unique_fd.h"

namespace shadowtap::config {
namespace {

Endpoint v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, std::uint16_t port) {
  return Endpoint::v4(a, b, c, d, port);
}

TEST(OwnAddress, ListenersAreReadFromProc) {
  const auto all = parse_listeners(
      "  sl  local_address rem_address   st tx_queue\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n"
      "   1: 0100007F:1F91 0100007F:1234 01 00000000:00000000\n");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0], v4(127, 0, 0, 1, 8080));
  const auto six = parse_listeners(
      "  sl\n   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A\n");
  ASSERT_EQ(six.size(), 1u);
  EXPECT_EQ(six[0].to_string(), "[::1]:8080");
}

// Real sockets: both ways find those that listen, and no others.
TEST(OwnAddress, TheKernelNamesItsListeners) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  const UniqueFd six(::socket(AF_INET6, SOCK_STREAM, 0));
  const UniqueFd bound(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(0x7f000005);  // 127.0.0.5
  sockaddr_in6 any6{};
  any6.sin6_family = AF_INET6;
  any6.sin6_addr = in6addr_loopback;
  const auto port_of = [](int socket) {
    sockaddr_in6 name{};
    socklen_t size = sizeof name;
    EXPECT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size), 0);
    return ntohs(name.sin6_port);  // at the same place in both families
  };
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  ASSERT_EQ(::bind(bound.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  ASSERT_EQ(::bind(six.get(), reinterpret_cast<sockaddr*>(&any6), sizeof any6), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::listen(six.get(), 1), 0);
  const Endpoint four = v4(127, 0, 0, 5, port_of(listener.get()));
  const Endpoint silent = v4(127, 0, 0, 5, port_of(bound.get()));
  Endpoint loopback6;
  loopback6.address[15] = 1;
  loopback6.port = port_of(six.get());
  const auto diagnosed = diagnosed_listeners();
  ASSERT_TRUE(diagnosed);
  for (const auto& all : {*diagnosed, proc_listeners()}) {
    EXPECT_EQ(std::count(all.begin(), all.end(), four), 1);
    EXPECT_EQ(std::count(all.begin(), all.end(), loopback6), 1);
    EXPECT_EQ(std::count(all.begin(), all.end(), silent), 0);
  }
}

TEST(OwnAddress, WhatIsElsewhereNeedsNoList) {
  Endpoint loopback6;
  loopback6.address[15] = 1;
  Endpoint documentation6 = loopback6;  // 2001:db8::1, RFC 3849
  documentation6.address[0] = 0x20, documentation6.address[1] = 0x01;
  documentation6.address[2] = 0x0d, documentation6.address[3] = 0xb8;
  EXPECT_FALSE(is_elsewhere(v4(127, 0, 0, 1, 8080)));
  EXPECT_FALSE(is_elsewhere(v4(0, 0, 0, 0, 8080)));
  EXPECT_FALSE(is_elsewhere(loopback6));
  EXPECT_TRUE(is_elsewhere(v4(203, 0, 113, 9, 8080)));  // RFC 5737
  EXPECT_TRUE(is_elsewhere(documentation6));
}

TEST(OwnAddress, OnlyTheServicesOwnSocketIsItself) {
  const Endpoint wildcard = v4(0, 0, 0, 0, 8080);
  const Endpoint host = v4(10, 0, 0, 5, 0);
  Endpoint loopback6;
  loopback6.address[15] = 1;
  loopback6.port = 8080;
  struct {
    const char* url;
    std::vector<Endpoint> listeners;
    bool own;
  } const cases[] = {
      {"http://127.0.0.1:8080", {wildcard}, true},
      {"http://localhost:8080/base", {}, true},
      {"http://[::1]:8080", {}, true},
      {"http://10.0.0.5:8080", {wildcard}, true},
      {"http://10.0.0.5:8080", {v4(10, 0, 0, 5, 8080)}, true},
      {"http://10.0.0.9:8080", {wildcard}, false},              // another host
      {"http://127.0.0.1:8081", {wildcard}, false},             // another port
      {"http://127.0.0.2:8080", {}, false},                     // will be another socket
      {"http://127.0.0.2:8080", {v4(10, 0, 0, 5, 8080)}, false},  // not up yet
      {"http://127.0.0.2:8080", {wildcard, v4(127, 0, 0, 2, 8080)}, false},
      {"http://127.0.0.2:8080", {wildcard, v4(127, 0, 0, 3, 8080)}, true},  // it died beside another
      {"http://10.0.0.5:8080", {wildcard, v4(127, 0, 0, 2, 8080)}, true},
      {"http://localhost:8080", {v4(127, 0, 0, 1, 8080), loopback6}, true},  // both of one service
      {"http://[::1]:8080", {v4(127, 0, 0, 1, 8080), loopback6}, true},
      {"http://127.0.0.2:8080", {v4(127, 0, 0, 1, 8080), v4(127, 0, 0, 2, 8080)}, false},
      {"http://candidate:8080", {wildcard}, false},  // names are not resolved here
      {"unix:/run/c.sock", {wildcard}, false},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(is_own(one.url, 8080, {{host}, one.listeners}), one.own) << one.url;
  }
  EXPECT_TRUE(is_own("http://127.0.0.1", 80, {{}, {v4(0, 0, 0, 0, 80)}}));
}

TEST(OwnAddress, TheFirstSuchTargetIsNamed) {
  const Config config = parse_config(
      "services:\n- {name: a, ports: [80], targets: {candidate: {url: 'http://localhost'}}}",
      "f").value();
  const std::string sentence = own_target(config, {});
  EXPECT_NE(sentence.find("service 'a': target http://localhost"), std::string::npos)
      << sentence;
}

}  // namespace
}  // namespace shadowtap::config
