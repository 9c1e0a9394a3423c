// More than the ring takes, live: every packet is delivered or lost under a name, and the
// service notices nothing. And the other end: one packet wakes an agent that sleeps.

#include <gtest/gtest.h>
#include <poll.h>

#include "tests/bpf/collected.h"
#include "tests/bpf/private_namespace.h"
#include "tests/bpf/sockets.h"

namespace shadowtap::testing {
namespace {

class Overload : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped()) return;
    enter_private_namespace();
    listener_ = std::make_unique<Listener>("127.0.0.1", 0);
    capture::TapOptions options;
    options.services = {{"service", {listener_->port()}}};
    options.ring_bytes = 256 << 10;
    options.shards = 2;
    auto loaded = capture::Tap::load(options);
    ASSERT_TRUE(loaded) << loaded.error().message();
    tap_ = std::move(*loaded);
    Collected(*tap_, 2).drain();
    ASSERT_TRUE(tap_->attach());
  }

  std::unique_ptr<Listener> listener_;
  std::unique_ptr<capture::Tap> tap_;
};

TEST_F(Overload, KeepsTheLedgerExact) {
  constexpr int kConnections = 8, kMessages = 200;
  Collected seen(*tap_, 2);
  for (int c = 0; c < kConnections; ++c) {
    Peer client = connect_to("127.0.0.1", listener_->port());
    Peer server = listener_->accepts();
    const std::string message(static_cast<std::size_t>(1 + c * 3000), 'm');
    for (int m = 0; m < kMessages; ++m) {
      client.sends(message);
      EXPECT_EQ(server.receives(message.size()).size(), message.size());
      if (m % 50 == 0) seen.drain();  // far too seldom
    }
  }
  seen.drain();
  const auto counts = tap_->packets();
  std::uint64_t lost = 0;
  for (const auto& [reason, n] : counts.lost) lost += n;
  EXPECT_GT(lost, 100u);
  EXPECT_EQ(counts.matched, counts.delivered + lost);
  EXPECT_EQ(counts.delivered, seen.records.size());
}

TEST_F(Overload, OnePacketWakesASleeper) {
  Peer client = connect_to("127.0.0.1", listener_->port());
  Peer server = listener_->accepts();
  Collected seen(*tap_, 2);
  seen.drain();
  for (int i = 0; i < 50; ++i) {
    seen.records.clear();
    ASSERT_TRUE(tap_->ring(0).arm());
    ASSERT_TRUE(tap_->ring(1).arm());
    client.sends("ping");
    pollfd rings[] = {{tap_->ring(0).descriptor(), POLLIN, 0}, {tap_->ring(1).descriptor(), POLLIN, 0}};
    ASSERT_EQ(::poll(rings, 2, 2000), 1) << "nobody woke us";
    for (const std::size_t shard : {0UL, 1UL}) tap_->ring(shard).disarm();
    server.receives(4);
    while (seen.records.empty()) seen.drain();
    EXPECT_EQ(seen.stream(net::Direction::kToServer), "ping");
  }
}

TEST_F(Overload, DoesNotArmOverWaitingRecords) {
  Peer client = connect_to("127.0.0.1", listener_->port());
  Peer server = listener_->accepts();
  EXPECT_FALSE(tap_->ring(0).arm() && tap_->ring(1).arm());
}

}  // namespace
}  // namespace shadowtap::testing
