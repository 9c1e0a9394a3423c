// A SYN with data (TCP Fast Open, RFC 7413) toward the host: no socket but the listening one
// can say whose it is, and a wildcard listener matches every address that there is.

#include "tests/bpf/program_run.h"
#include "tests/bpf/sockets.h"

namespace shadowtap::testing {
namespace {

constexpr std::uint8_t kHere = 2, kElsewhere = 9;

class FastOpen : public ProgramRun {
 protected:
  void SetUp() override {
    ProgramRun::SetUp();
    if (IsSkipped()) return;
    must_run("ip link set leaf0 address 02:02:02:02:02:02 && "  // a frame's destination
             "ip link set leaf0 up && ip link set leaf1 up && ip addr add 10.0.0.2/24 dev leaf0 && "
             "ip addr add 2001:db8::2/64 dev leaf0 nodad");
    listener_ = std::make_unique<Listener>("::", kPort);
  }

  void forwards(bool on) {
    const std::string value = on ? "1" : "0";
    must_run("sysctl -qw net.ipv4.ip_forward=" + value + " net.ipv6.conf.all.forwarding=" + value);
    // The kernel adds an IPv6 address's own route in a work of its own.
    must_run("timeout 10 sh -c 'until ip -6 route show table local 2001:db8::2 | grep -q local; "
             "do sleep 0.01; done'");
  }

  // Each from a client's port of its own.
  std::size_t taken(Endpoint client, const Endpoint& server, std::uint32_t ifindex) {
    client.port = ++port_;
    Frame syn;
    syn.source = client;
    syn.destination = server;
    syn.flags = net::kSyn;
    syn.payload = "GET / HTTP/1.1\r\n\r\n";
    run_program(kernel_->program(capture::HookPoint::kIngress, true), bytes_of(syn), ifindex);
    return drain().size();
  }
  std::size_t taken_v4(std::uint8_t last) {
    return taken(Endpoint::v4(10, 0, 0, 1, 0), Endpoint::v4(10, 0, 0, last, kPort), leaf_);
  }
  std::size_t taken_v6(std::uint8_t last) { return taken(v6(1, 0), v6(last, kPort), leaf_); }

  std::unique_ptr<Listener> listener_;
  std::uint16_t port_ = 30000;
};

TEST_F(FastOpen, TheRoutesTellWhetherItEndsHere) {
  forwards(true);
  EXPECT_EQ(taken_v4(kHere), 1u);
  EXPECT_EQ(taken_v6(kHere), 1u);
  EXPECT_EQ(taken_v4(kElsewhere), 0u);
  EXPECT_EQ(taken_v6(kElsewhere), 0u);
  EXPECT_EQ(ignored("not_local"), 2u);
}

TEST_F(FastOpen, WhereNothingIsForwardedTheMacAddressTells) {
  forwards(false);
  EXPECT_EQ(taken_v4(kHere), 1u);
  EXPECT_EQ(taken_v6(kHere), 1u);
  must_run("ip link set leaf0 address 02:02:02:02:02:03");  // as on a bridge's port
  EXPECT_EQ(taken_v4(kElsewhere), 0u);
  EXPECT_EQ(taken_v6(kElsewhere), 0u);
}

TEST_F(FastOpen, OnLoItAlwaysEndsHere) {
  constexpr std::uint32_t kLo = 1;
  forwards(false);
  EXPECT_EQ(taken(Endpoint::v4(127, 0, 0, 1, 0), Endpoint::v4(127, 0, 0, 1, kPort), kLo), 1u);
}

TEST_F(FastOpen, NobodyListensNobodyTakes) {
  listener_.reset();
  EXPECT_EQ(taken_v4(kHere), 0u);
  EXPECT_EQ(ignored("not_local"), 1u);
}

}  // namespace
}  // namespace shadowtap::testing
