// The ways in which a request can cross a host: each is captured exactly once, or never
// if it is not the service's (DESIGN 3.4 and 3.5).

#include <gtest/gtest.h>

#include "tests/bpf/collected.h"
#include "tests/bpf/node.h"
#include "tests/bpf/private_namespace.h"

namespace shadowtap::testing {
namespace {

using net::Direction;

constexpr std::uint16_t kPort = 8080;

std::size_t occurrences(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

class FlowShapes : public RootTest, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped()) return;
    node_ = std::make_unique<Node>();
    in_node_ = node_->node.listens("0.0.0.0", kPort);
    in_ext_ = node_->ext.listens("0.0.0.0", kPort);
    in_pod_ = node_->pod_a.listens("0.0.0.0", kPort);
  }

  void attach(std::vector<capture::InterfaceChoice> interfaces = {}) {
    capture::TapOptions options;
    options.services = {{"service", {kPort}}};
    options.netns = node_->node.name();
    options.ring_bytes = 1 << 20;
    options.force_clsact = GetParam();
    options.interfaces = std::move(interfaces);
    auto tap = capture::Tap::load(options);
    ASSERT_TRUE(tap) << tap.error().message();
    tap_ = std::move(*tap);
    collected_ = std::make_unique<Collected>(*tap_);
    collected_->drain();
    const auto attached = tap_->attach();
    ASSERT_TRUE(attached) << attached.error().message();
  }

  // One request and its answer over a connection of their own; how often they were seen.
  void expect_seen(std::size_t times, const char* shape, Place& from, const std::string& address,
                   Listener& at, const std::string& own_address = "") {
    SCOPED_TRACE(shape);
    const std::string request = "request " + std::to_string(++exchange_) + ";";
    const std::string answer = "answer " + std::to_string(exchange_) + ";";
    const auto client = from.connects(address, kPort, own_address);
    Peer server = at.accepts();
    client->sends(request);
    EXPECT_EQ(server.receives(request.size()), request);
    server.sends(answer);
    EXPECT_EQ(client->receives(answer.size()), answer);
    client->closes();
    server.closes();
    collected_->drain();
    EXPECT_EQ(occurrences(collected_->stream(Direction::kToServer), request), times);
    EXPECT_EQ(occurrences(collected_->stream(Direction::kToClient), answer), times);
    std::size_t syns = 0;
    for (const Record& record : collected_->records) {
      const bool to_server = record.segment.direction == Direction::kToServer;
      syns += to_server && record.segment.flags & net::kSyn;
    }
    EXPECT_EQ(syns, times) << "the client's SYN";
    collected_->records.clear();
  }

  std::unique_ptr<Node> node_;
  std::unique_ptr<Listener> in_node_, in_ext_, in_pod_;
  std::unique_ptr<capture::Tap> tap_;
  std::unique_ptr<Collected> collected_;
  int exchange_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Mechanism, FlowShapes, ::testing::Values(false, true),
                         [](const auto& test) { return test.param ? "clsact" : "tcx"; });

TEST_P(FlowShapes, AreSeenOnceOrNever) {
  attach();
  Node& n = *node_;
  expect_seen(1, "external to pod", n.ext, "10.2.0.2", *in_pod_);
  expect_seen(1, "host to pod", n.node, "10.2.0.2", *in_pod_);
  expect_seen(1, "pod to pod", n.pod_b, "10.2.0.2", *in_pod_);
  expect_seen(1, "external to host", n.ext, "10.1.0.1", *in_node_);
  expect_seen(1, "external to host by its other address", n.ext, "10.2.0.1", *in_node_);
  expect_seen(1, "pod to host", n.pod_b, "10.2.0.1", *in_node_);
  expect_seen(1, "lo", n.node, "127.0.0.1", *in_node_);
  expect_seen(1, "host to its own address", n.node, "10.1.0.1", *in_node_);
  expect_seen(0, "host to a remote service", n.node, "10.1.0.2", *in_ext_);
  expect_seen(0, "pod to a remote service", n.pod_b, "10.1.0.2", *in_ext_);
}

TEST_P(FlowShapes, ThroughNatIsSeenOnceAsThePodSeesIt) {
  attach();
  node_->node.run("iptables -t nat -A PREROUTING -d 10.1.0.9 -p tcp --dport 8080 "
                  "-j DNAT --to-destination 10.2.0.2:8080");
  expect_seen(1, "published by NAT", node_->ext, "10.1.0.9", *in_pod_);
}

TEST_P(FlowShapes, OverTwoInterfacesIsSeenOnce) {
  attach();
  // Requests come by eth0, answers leave by eth1.
  node_->node.run("ip route add 10.9.0.1/32 via 10.3.0.2 dev eth1");
  node_->ext.run("ip addr add 10.9.0.1/32 dev lo");
  expect_seen(1, "asymmetric", node_->ext, "10.1.0.1", *in_node_, "10.9.0.1");
}

TEST_P(FlowShapes, ObeyTheNamedInterfaces) {
  attach({{"veth2", capture::InterfaceChoice::Kind::kHost}, {"eth0"}});
  expect_seen(0, "pod behind an interface said to be the host's", node_->node, "10.2.0.2", *in_pod_);
  expect_seen(0, "lo was not named", node_->node, "127.0.0.1", *in_node_);
  expect_seen(1, "external to host", node_->ext, "10.1.0.1", *in_node_);
}

}  // namespace
}  // namespace shadowtap::testing
