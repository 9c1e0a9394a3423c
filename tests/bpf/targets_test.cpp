// Addresses that are targets', and are so no more.

#include <gtest/gtest.h>

#include "tests/bpf/collected.h"
#include "tests/bpf/private_namespace.h"
#include "tests/bpf/sockets.h"

namespace shadowtap::testing {
namespace {

class Targets : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped()) return;
    enter_private_namespace();
    listener_ = std::make_unique<Listener>("127.0.0.2", 0);
    capture::TapOptions options;
    options.services = {{"service", {listener_->port()}}};
    options.ring_bytes = 1 << 20;
    auto tap = capture::Tap::load(options);
    ASSERT_TRUE(tap) << tap.error().message();
    tap_ = std::move(*tap);
    Collected(*tap_).drain();  // the first heartbeat
    ASSERT_TRUE(tap_->attach());
  }

  Endpoint at(std::uint8_t last) const {
    return Endpoint::v4(127, 0, 0, last, listener_->port());
  }

  // What was captured of it.
  std::string says(Peer& client, Peer& server, const std::string& text) {
    Collected seen(*tap_);
    client.sends(text);
    EXPECT_EQ(server.receives(text.size()), text);
    seen.drain();
    return seen.stream(net::Direction::kToServer);
  }

  std::unique_ptr<Listener> listener_;
  std::unique_ptr<capture::Tap> tap_;
};

TEST_F(Targets, AreCapturedOnceTheyAreNoneAnyMore) {
  ASSERT_TRUE(tap_->exclude({at(2), at(3)}));
  Peer client = connect_to("127.0.0.2", listener_->port());
  Peer server = listener_->accepts();
  EXPECT_EQ(says(client, server, "to a target"), "");
  ASSERT_TRUE(tap_->exclude({at(3)}));
  EXPECT_EQ(says(client, server, "same connection"), "same connection");
  Peer next = connect_to("127.0.0.2", listener_->port());
  Peer at_service = listener_->accepts();
  EXPECT_EQ(says(next, at_service, "next connection"), "next connection");
  ASSERT_TRUE(tap_->exclude({}));
  ASSERT_TRUE(tap_->exclude({at(2)}));
  Peer third = connect_to("127.0.0.2", listener_->port());
  Peer at_target = listener_->accepts();
  EXPECT_EQ(says(third, at_target, "to a target"), "");
}

TEST_F(Targets, OfMoreThanTheKernelTakesTheNewestAreLeftOut) {
  std::vector<Endpoint> many;
  for (std::uint16_t port = 1; port <= 5000; ++port)
    many.push_back(Endpoint::v4(10, 0, 0, 1, port));
  ASSERT_TRUE(tap_->exclude(many));
  many.push_back(at(2));
  ASSERT_TRUE(tap_->exclude(many));
  Peer client = connect_to("127.0.0.2", listener_->port());
  Peer server = listener_->accepts();
  EXPECT_EQ(says(client, server, "to a target"), "");
}

// As a name does that moves: after so many addresses the list was full.
TEST_F(Targets, MayMoveForEver) {
  for (std::uint16_t port = 1; port <= 5000; ++port)
    ASSERT_TRUE(tap_->exclude({Endpoint::v4(10, 0, 0, 1, port)})) << port;
}

}  // namespace
}  // namespace shadowtap::testing
