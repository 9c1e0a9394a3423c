// The real object on a namespace's lo, between real sockets.

#include <gmock/gmock.h>

#include "tests/bpf/collected.h"
#include "tests/bpf/private_namespace.h"
#include "tests/bpf/sockets.h"

namespace shadowtap::testing {
namespace {

using capture::Tap;
using capture::TapOptions;
using net::Direction;

class Loopback : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (!IsSkipped()) enter_private_namespace();
  }

  std::unique_ptr<Tap> tap_on(std::uint16_t port, TapOptions options = {}) {
    options.services = {{"other", {1}}, {"service", {port}}};
    options.ring_bytes = 1 << 20;
    auto tap = Tap::load(options);
    EXPECT_TRUE(tap) << tap.error().message();
    Collected(**tap).drain();  // the first heartbeat
    const auto attached = (*tap)->attach();
    EXPECT_TRUE(attached) << attached.error().message();
    return std::move(*tap);
  }
};

TEST_F(Loopback, DeliversBothDirectionsOnceAndInOrder) {
  for (const std::string address : {"127.0.0.1", "::1"}) {
    for (const bool clsact : {false, true}) {
      Listener listener(address, 0);
      TapOptions options;
      options.force_clsact = clsact;
      auto tap = tap_on(listener.port(), options);
      Collected seen(*tap);

      Peer client = connect_to(address, listener.port());
      Peer server = listener.accepts();
      client.sends("GET / HTTP/1.1\r\n\r\n");
      EXPECT_EQ(server.receives(18).size(), 18u);
      server.sends(std::string(100'000, 'x'));
      EXPECT_EQ(client.receives(100'000).size(), 100'000u);
      client.closes();
      server.closes();
      seen.drain();

      EXPECT_EQ(seen.stream(Direction::kToServer), "GET / HTTP/1.1\r\n\r\n") << address;
      EXPECT_TRUE(seen.stream(Direction::kToClient) == std::string(100'000, 'x')) << address;
      EXPECT_EQ(seen.count(Direction::kToServer, net::kSyn), 1u);
      EXPECT_EQ(seen.count(Direction::kToClient, net::kSyn), 1u);
      EXPECT_EQ(seen.count(Direction::kToServer, net::kFin), 1u);
      for (const Record& record : seen.records) {
        EXPECT_EQ(record.segment.service, 1);
        EXPECT_EQ(record.segment.flow.server.port, listener.port());
      }
    }
  }
}

TEST_F(Loopback, LeavesOutWhatIsOurs) {
  constexpr std::uint32_t kMark = 0x10000;
  Listener service("127.0.0.1", 0), target("127.0.0.2", service.port());
  TapOptions options;
  options.mark = kMark;
  auto tap = tap_on(service.port(), options);
  ASSERT_TRUE(tap->exclude({Endpoint::v4(127, 0, 0, 2, service.port())}));
  Collected seen(*tap);

  Peer to_target = connect_to("127.0.0.2", service.port());
  Peer at_target = target.accepts();
  to_target.sends("excluded");
  at_target.receives(8);
  at_target.sends("excluded");
  to_target.receives(8);
  Peer marked = connect_to("127.0.0.1", service.port(), kMark);
  Peer at_service = service.accepts();
  marked.sends("marked");
  at_service.receives(6);
  at_service.sends("marked");
  marked.receives(6);
  seen.drain();

  EXPECT_EQ(seen.records.size(), 0u);
}

}  // namespace
}  // namespace shadowtap::testing
