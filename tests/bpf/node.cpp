#include "tests/bpf/node.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/bpf/private_namespace.h"

namespace shadowtap::testing {
namespace {

std::string random_name(const std::string& role) {
  static std::random_device device;
  return "st" + std::to_string(device() % 1'000'000) + role;
}

}  // namespace

Place::Place(const std::string& role) : name_(random_name(role)) {
  must_run("ip netns add " + name_);
  auto inside = capture::NamespaceThread::start(name_);
  EXPECT_TRUE(inside) << inside.error().message();
  inside_ = std::move(*inside);
  run("ip link set lo up");
  run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 "
      "net.ipv4.conf.default.rp_filter=0 net.ipv4.tcp_congestion_control=reno");
}

Place::~Place() {
  inside_.reset();
  must_run("ip netns del " + name_);
}

void Place::run(const std::string& command) const {
  must_run("ip netns exec " + name_ + " " + command);
}

bool Place::can_run(const std::string& command) const {
  return std::system(("ip netns exec " + name_ + " " + command + " 2>/dev/null").c_str()) == 0;
}

std::unique_ptr<Listener> Place::listens(const std::string& address, std::uint16_t port) {
  std::unique_ptr<Listener> listener;
  inside_->run([&] { listener = std::make_unique<Listener>(address, port); });
  return listener;
}

std::unique_ptr<Peer> Place::connects(const std::string& address, std::uint16_t port,
                                      const std::string& from) {
  std::unique_ptr<Peer> peer;
  inside_->run([&] { peer = std::make_unique<Peer>(connect_to(address, port, 0, from)); });
  return peer;
}

void join(const Place& left, const std::string& left_name, const Place& right,
          const std::string& right_name) {
  left.run("ip link add " + left_name + " type veth peer name " + right_name + " netns " +
           right.name());
  left.run("ip link set " + left_name + " up");
  right.run("ip link set " + right_name + " up");
}

Node::Node() {
  join(node, "eth0", ext, "e0");
  join(node, "eth1", ext, "e1");
  node.run("ip addr add 10.1.0.1/24 dev eth0");
  node.run("ip addr add 10.1.0.9/24 dev eth0");
  node.run("ip addr add 10.3.0.1/24 dev eth1");
  ext.run("ip addr add 10.1.0.2/24 dev e0");
  ext.run("ip addr add 10.3.0.2/24 dev e1");
  node.run("ip link add br0 type bridge");
  node.run("ip link set br0 up");
  node.run("ip addr add 10.2.0.1/24 dev br0");
  int last = 2;
  for (const Place* pod : {&pod_a, &pod_b}) {
    const std::string veth = "veth" + std::to_string(last);
    join(node, veth, *pod, "eth0");
    node.run("ip link set " + veth + " master br0");
    pod->run("ip addr add 10.2.0." + std::to_string(last++) + "/24 dev eth0");
    pod->run("ip route add default via 10.2.0.1");
  }
  ext.run("ip route add 10.2.0.0/24 via 10.1.0.1");
}

}  // namespace shadowtap::testing
