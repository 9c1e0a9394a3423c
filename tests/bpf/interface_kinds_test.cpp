// Interfaces of every kind that a host can have, between two namespaces: a service behind
// each, one exchange, seen once. What this machine's kernel cannot make is skipped here
// and made in the guests of tests/kernels, where SHADOWTAP_ALL_KINDS=1 forbids to skip.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <thread>
#include <tuple>

#include "agent/capture/interfaces.h"
#include "tests/bpf/collected.h"
#include "tests/bpf/frame.h"
#include "tests/bpf/node.h"
#include "tests/bpf/private_namespace.h"

namespace shadowtap::testing {
namespace {

using net::Direction;

constexpr std::uint16_t kPort = 8080;

class InterfaceKinds : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped()) return;
    service_ = std::make_unique<Place>("s");
    client_ = std::make_unique<Place>("c");
    join(*service_, "eth0", *client_, "eth0");
    service_->run("ip addr add 10.1.0.1/24 dev eth0");
    client_->run("ip addr add 10.1.0.2/24 dev eth0");
  }

  void tap(capture::TapOptions options = {}) {
    options.services = {{"service", {kPort}}};
    options.netns = "/run/netns/" + service_->name();
    auto loaded = capture::Tap::load(options);
    ASSERT_TRUE(loaded) << loaded.error().message();
    tap_ = std::move(*loaded);
    Collected(*tap_).drain();  // the first heartbeat
    const auto attached = tap_->attach();
    ASSERT_TRUE(attached) << attached.error().message();
  }

  bool lacks(const std::string& kind) {
    if (service_->can_run("ip link add probe " + kind)) {
      service_->run("ip link del probe");
      return false;
    }
    EXPECT_EQ(std::getenv("SHADOWTAP_ALL_KINDS"), nullptr) << "this kernel has no " << kind;
    return true;
  }

  // The same at both ends, with N for 1 and 2, and its address on `name`.
  void both(const std::string& name, const std::vector<std::string>& commands) {
    for (const auto& [place, n, other] : {std::tuple{service_.get(), "1", "2"}, {client_.get(), "2", "1"}}) {
      for (std::string command : commands) {
        for (const auto& [mark, text] : {std::pair{"@", n}, {"%", other}})
          for (auto at = command.find(mark); at != std::string::npos; at = command.find(mark))
            command.replace(at, 1, text);
        place->run(command);
      }
      place->run("ip link set " + name + " up");
      place->run("ip addr add 10.5.0." + std::string(n) + "/24 dev " + name);
    }
  }

  // Bodies larger than a segment, so that GSO and GRO have their say.
  void expect_seen_once(const std::string& address) {
    const auto listener = service_->listens(address, kPort);
    const auto client = client_->connects(address, kPort);
    Peer server = listener->accepts();
    Collected seen(*tap_);
    const std::string request(50'000, 'q'), answer(1 << 20, 'a');
    // In between, because a slow guest takes longer than the heartbeat lasts.
    seen.drain();
    client->sends(request);
    EXPECT_EQ(server.receives(request.size()), request);
    seen.drain();
    std::thread sender([&] { server.sends(answer); });
    EXPECT_TRUE(client->receives(answer.size()) == answer);
    sender.join();
    seen.drain();
    EXPECT_TRUE(seen.stream(Direction::kToServer) == request);
    EXPECT_TRUE(seen.stream(Direction::kToClient) == answer);
    EXPECT_EQ(seen.count(Direction::kToServer, net::kSyn), 1u);
    for (const Record& record : seen.records) {
      largest_record_ = std::max(largest_record_, record.bytes.size());
      if (record.segment.direction == Direction::kToServer)
        largest_request_ = std::max(largest_request_, record.bytes.size());
    }
  }

  std::size_t largest_record_ = 0, largest_request_ = 0;

  std::unique_ptr<Place> service_, client_;
  std::unique_ptr<capture::Tap> tap_;
};

TEST_F(InterfaceKinds, VethAsTheServicesOwnNic) {
  tap();
  expect_seen_once("10.1.0.1");
}

TEST_F(InterfaceKinds, VethWithIpv6) {
  service_->run("ip addr add 2001:db8::1/64 dev eth0 nodad");
  client_->run("ip addr add 2001:db8::2/64 dev eth0 nodad");
  tap();
  expect_seen_once("2001:db8::1");
}

TEST_F(InterfaceKinds, Bridge) {
  service_->run("ip addr flush dev eth0");
  service_->run("ip link add br0 type bridge");
  service_->run("ip link set eth0 master br0");
  service_->run("ip link set br0 up");
  service_->run("ip addr add 10.1.0.1/24 dev br0");
  tap();
  expect_seen_once("10.1.0.1");
}

TEST_F(InterfaceKinds, Macvlan) {
  service_->run("ip link add link eth0 name mac0 type macvlan mode bridge");
  service_->run("ip link set mac0 up");
  service_->run("ip addr add 10.1.0.7/24 dev mac0");
  tap();
  expect_seen_once("10.1.0.7");
}

TEST_F(InterfaceKinds, TheInsideOfVxlan) {
  const auto tunnel = [](const Place& at, const std::string& peer, const std::string& address) {
    at.run("ip link add vx0 type vxlan id 7 remote " + peer + " dstport 4789 dev eth0");
    at.run("ip link set vx0 up");
    at.run("ip addr add " + address + " dev vx0");
  };
  tunnel(*service_, "10.1.0.2", "10.5.0.1/24");
  tunnel(*client_, "10.1.0.1", "10.5.0.2/24");
  tap();
  expect_seen_once("10.5.0.1");
}

TEST_F(InterfaceKinds, GsoAndGroOff) {
  for (const Place* place : {service_.get(), client_.get()})
    place->run("ethtool -K eth0 tso off gso off gro off");
  tap();
  expect_seen_once("10.1.0.1");
  EXPECT_LE(largest_request_, 1500u);
}

TEST_F(InterfaceKinds, Bond) {
  if (lacks("type bond")) GTEST_SKIP() << "no bonds here";
  join(*service_, "eth1", *client_, "eth1");
  // Packets take the two in turn, the harshest of its modes.
  both("bond0", {"ip link add bond0 type bond mode balance-rr miimon 50",
                 "ip addr flush dev eth0", "ip link set eth0 down", "ip link set eth1 down",
                 "ip link set eth0 master bond0", "ip link set eth1 master bond0"});
  tap();
  expect_seen_once("10.5.0.1");
}

TEST_F(InterfaceKinds, Vlan) {
  if (lacks("link eth0 type vlan id 7")) GTEST_SKIP() << "no VLANs here";
  both("eth0.7", {"ip link add link eth0 name eth0.7 type vlan id 7"});
  tap();
  expect_seen_once("10.5.0.1");
}

TEST_F(InterfaceKinds, VlanTagInTheData) {
  if (lacks("link eth0 type vlan id 7")) GTEST_SKIP() << "no VLANs here";
  both("eth0.7", {"ethtool -K eth0 txvlan off",
                  "ip link add link eth0 name eth0.7 type vlan id 7 reorder_hdr off"});
  tap();
  expect_seen_once("10.5.0.1");
}

TEST_F(InterfaceKinds, TwoVlanTags) {
  if (lacks("link eth0 type vlan id 7")) GTEST_SKIP() << "no VLANs here";
  both("inner", {"ip link add link eth0 name outer type vlan proto 802.1ad id 7",
                 "ip link set outer up", "ip link add link outer name inner type vlan id 8"});
  tap();
  expect_seen_once("10.5.0.1");
}

TEST_F(InterfaceKinds, WireGuard) {
  if (lacks("type wireguard")) GTEST_SKIP() << "no WireGuard here";
  char directory[] = "/tmp/stwgXXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  const std::string key = std::string(directory) + "/";
  for (const std::string n : {"1", "2"})
    must_run("wg genkey >" + key + n + " && wg pubkey <" + key + n + " >" + key + n + ".pub");
  both("wg0", {"ip link add wg0 type wireguard",
               "sh -c 'wg set wg0 listen-port 51820 private-key " + key + "@ peer $(cat " + key +
                   "%.pub) allowed-ips 10.5.0.0/24 endpoint 10.1.0.%:51820'"});
  tap();
  expect_seen_once("10.5.0.1");
  must_run("rm -r " + std::string(directory));
}

TEST_F(InterfaceKinds, IpInIp) {
  if (lacks("type ipip local 10.1.0.1 remote 10.1.0.2")) GTEST_SKIP() << "no ipip here";
  both("tun0", {"ip link add tun0 type ipip local 10.1.0.@ remote 10.1.0.%"});
  tap();
  expect_seen_once("10.5.0.1");
}

TEST_F(InterfaceKinds, Gre) {
  if (lacks("type gre local 10.1.0.1 remote 10.1.0.2")) GTEST_SKIP() << "no GRE here";
  both("tun0", {"ip link add tun0 type gre local 10.1.0.@ remote 10.1.0.%"});
  tap();
  expect_seen_once("10.5.0.1");
}

TEST_F(InterfaceKinds, Ipvlan) {
  if (lacks("link eth0 type ipvlan mode l2")) GTEST_SKIP() << "no ipvlan here";
  service_->run("ip link add link eth0 name ipv0 type ipvlan mode l2");
  service_->run("ip link set ipv0 up");
  service_->run("ip addr add 10.1.0.7/24 dev ipv0");
  tap();
  expect_seen_once("10.1.0.7");
}

TEST_F(InterfaceKinds, BigTcpAbove64KiB) {
  const std::string big = "ip link set eth0 gso_max_size 190000 gro_max_size 190000 "
                          "gso_ipv4_max_size 190000 gro_ipv4_max_size 190000";
  const std::string quiet = "sh -c '" + big + " 2>/dev/null || ip link set eth0 gso_max_size 190000'";
  service_->run(quiet);
  client_->run(quiet);
  service_->run("ip addr add 2001:db8::1/64 dev eth0 nodad");
  client_->run("ip addr add 2001:db8::2/64 dev eth0 nodad");
  tap();
  expect_seen_once("2001:db8::1");
  expect_seen_once("10.1.0.1");
  EXPECT_EQ(largest_record_, 65536u) << "a packet above 64 KiB takes several records";
}

// A service behind a tun device: the test writes its packets.
class BehindTun {
 public:
  BehindTun() : tun_(::open("/dev/net/tun", O_RDWR | O_CLOEXEC)) {
    ifreq request{};
    std::strcpy(request.ifr_name, "tun0");
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (tun_ && ::ioctl(tun_.get(), TUNSETIFF, &request)) tun_.reset();
    if (tun_) must_run("ip link set tun0 up");
  }
  explicit operator bool() const { return static_cast<bool>(tun_); }

  void tap(capture::TapOptions options) {
    options.services = {{"service", {kPort}}};
    auto loaded = capture::Tap::load(options);
    ASSERT_TRUE(loaded) << loaded.error().message();
    tap_ = std::move(*loaded);
    Collected(*tap_).drain();  // the first heartbeat
    ASSERT_TRUE(tap_->attach());
  }
  capture::Tap& tap() { return *tap_; }

  // Of an answer on a connection of its own, what was seen.
  std::string answers(const std::string& text, bool v4 = true) {
    Frame frame;
    frame.source = v4 ? Endpoint::v4(10, 0, 0, 2, kPort) : v6(2, kPort);
    frame.destination = v4 ? Endpoint::v4(10, 0, 0, 1, ++client_) : v6(1, ++client_);
    frame.payload = text;
    const std::string packet = bytes_of(frame).substr(14);
    Collected seen(*tap_);
    seen.drain();  // the heartbeat
    EXPECT_EQ(::write(tun_.get(), packet.data(), packet.size()),
              static_cast<ssize_t>(packet.size()));
    // A busy kernel passes it a little later.
    for (int i = 0; i < 20 && seen.drain() == 0; ++i) ::usleep(1000);
    return seen.stream(Direction::kToClient);
  }

 private:
  UniqueFd tun_;
  std::unique_ptr<capture::Tap> tap_;
  std::uint16_t client_ = 40000;
};

TEST_F(InterfaceKinds, TunWithoutALinkLayer) {
  enter_private_namespace();
  BehindTun service;
  if (!service) GTEST_SKIP() << "no tun here";
  capture::TapOptions options;
  options.interfaces = {{"tun0", capture::InterfaceChoice::Kind::kLeaf}};
  service.tap(options);
  EXPECT_EQ(service.answers("HTTP/1.1 200 OK", true), "HTTP/1.1 200 OK");
  EXPECT_EQ(service.answers("HTTP/1.1 204 No", false), "HTTP/1.1 204 No");
}

TEST_F(InterfaceKinds, WhatWasSaidOfOneHoldsByItsNewNameToo) {
  enter_private_namespace();
  BehindTun service;
  if (!service) GTEST_SKIP() << "no tun here";
  capture::TapOptions options;
  options.interfaces = {{"tun0", capture::InterfaceChoice::Kind::kLeaf}};
  service.tap(options);
  must_run("ip link set tun0 down && ip link set tun0 name office && ip link set office up");
  service.tap().follow();
  ASSERT_FALSE(service.tap().attachments().empty());
  EXPECT_EQ(service.tap().attachments().front().interface, "office");
  EXPECT_EQ(service.answers("HTTP/1.1 200 OK"), "HTTP/1.1 200 OK");
}

TEST_F(InterfaceKinds, WhatWasSaidOfOneHoldsWhereAllAreWatched) {
  enter_private_namespace();
  BehindTun service;
  if (!service) GTEST_SKIP() << "no tun here";
  capture::TapOptions options;
  service.tap(options);
  EXPECT_EQ(service.answers("HTTP/1.1 200 OK"), "") << "a tunnel leads to other hosts";
  options.kinds = {{"tun0", capture::InterfaceChoice::Kind::kLeaf}};
  service.tap(options);
  EXPECT_EQ(service.answers("HTTP/1.1 200 OK"), "HTTP/1.1 200 OK");
}

}  // namespace
}  // namespace shadowtap::testing
