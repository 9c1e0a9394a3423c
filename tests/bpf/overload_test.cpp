// More than the ring takes, live: every packet is delivered or lost under a name, and the
// service notices nothing. And the other end: one packet wakes an agent that sleeps.

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <thread>

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
    tap(256 << 10, 2);
  }

  void tap(std::size_t ring_bytes, std::size_t shards) {
    capture::TapOptions options;
    options.services = {{"service", {listener_->port()}}};
    options.ring_bytes = ring_bytes;
    options.shards = shards;
    tap_.reset();
    auto loaded = capture::Tap::load(options);
    ASSERT_TRUE(loaded) << loaded.error().message();
    tap_ = std::move(*loaded);
    Collected(*tap_, shards).drain();
    ASSERT_TRUE(tap_->attach());
  }

  std::unique_ptr<Listener> listener_;
  std::unique_ptr<capture::Tap> tap_;
};

// Opens connections one after the other and sends on each; also when nobody drains.
void load(const std::string& address, std::uint16_t port, std::size_t message_bytes) {
  constexpr int kConnections = 6, kMessages = 100;
  const std::string message(message_bytes, 'm');
  Listener listener(address, port);
  for (int c = 0; c < kConnections; ++c) {
    Peer client = connect_to(address, port);
    Peer server = listener.accepts();
    for (int m = 0; m < kMessages; ++m) {
      client.sends(message);
      EXPECT_EQ(server.receives(message.size()).size(), message.size());
    }
  }
}

std::uint64_t sum(const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
  std::uint64_t all = 0;
  for (const auto& [reason, n] : counts) all += n;
  return all;
}

std::uint64_t named(const capture::PacketCounts& counts, const std::string& reason) {
  const auto found = std::ranges::find(counts.lost, reason, [](const auto& l) { return l.first; });
  return found == counts.lost.end() ? 0 : found->second;
}

// From several processors at once, with a consumer that is far too slow.
TEST_F(Overload, KeepsTheLedgerExact) {
  Collected seen(*tap_, 2);
  std::atomic<int> running = 4;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      load("127.0.0." + std::to_string(2 + t), listener_->port(),
           static_cast<std::size_t>(1 + t * 4000));
      --running;
    });
  while (running > 0) {
    ::usleep(20'000);
    seen.drain();
  }
  threads.clear();
  seen.drain();
  const auto counts = tap_->packets();
  EXPECT_EQ(counts.matched, counts.delivered + sum(counts.lost));
  EXPECT_EQ(counts.delivered, seen.records.size());
  for (const char* reason : {"ring_full", "shed", "refused_flow"})
    EXPECT_GT(named(counts, reason), 0u) << reason;
}

TEST_F(Overload, APacketThatFitsOnlyInPartIsTruncatedByName) {
  must_run("ip link set lo gso_max_size 200000");
  tap(128 << 10, 1);  // room for two records of 64 KiB at most: not for a packet of three segments
  Listener listener("::1", listener_->port());
  Peer client = connect_to("::1", listener.port());
  Peer server = listener.accepts();
  Collected seen(*tap_);
  const std::string block(1 << 20, 'b');
  for (int i = 0; i < 20 && named(tap_->packets(), "truncated") == 0; ++i) {
    std::jthread sender([&] { client.sends(block); });
    EXPECT_EQ(server.receives(block.size()).size(), block.size());
    sender.join();
    seen.drain();
  }
  const auto counts = tap_->packets();
  EXPECT_GT(named(counts, "truncated"), 0u);
  EXPECT_EQ(counts.matched, counts.delivered + sum(counts.lost));
  EXPECT_GT(seen.records.size(), counts.delivered) << "the part that fitted is delivered";
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

// What http does for a long body (DESIGN 3.11), with a real connection.
TEST_F(Overload, TheRestOfALongBodyIsNotCopied) {
  constexpr std::size_t kBody = 8 << 20;
  tap(8 << 20, 1);
  Peer client = connect_to("127.0.0.1", listener_->port());
  Peer server = listener_->accepts();
  Collected seen(*tap_);
  server.sends("head");
  EXPECT_EQ(client.receives(4), "head");
  seen.drain();
  const net::Segment& head = seen.records.back().segment;
  ASSERT_EQ(head.payload_size, 4u);
  // The sequence number of the body's last byte: its packet is copied, for the pairing.
  tap_->ring(0).skip({.flow = head.flow, .direction = net::Direction::kToClient,
                      .kind = net::SkipKind::kUntil,
                      .until = head.sequence + 4 + static_cast<std::uint32_t>(kBody) - 1});
  std::jthread sender([&] { server.sends(std::string(kBody, 'b')); });
  EXPECT_EQ(client.receives(kBody).size(), kBody);
  sender.join();
  client.sends("next request");
  server.receives(12);
  server.sends("next answer");
  client.receives(11);
  seen.records.clear();
  seen.drain();
  std::size_t copied = 0;
  for (const Record& record : seen.records) copied += record.bytes.size();
  EXPECT_LT(copied, 200'000u) << "the last packet of the body, and what came after";
  EXPECT_EQ(seen.stream(net::Direction::kToServer), "next request");
  EXPECT_TRUE(seen.stream(net::Direction::kToClient).ends_with("bnext answer"));
  const auto counts = tap_->packets();
  EXPECT_EQ(counts.matched, counts.delivered);
}

TEST_F(Overload, DoesNotArmOverWaitingRecords) {
  Peer client = connect_to("127.0.0.1", listener_->port());
  Peer server = listener_->accepts();
  EXPECT_FALSE(tap_->ring(0).arm() && tap_->ring(1).arm());
}

}  // namespace
}  // namespace shadowtap::testing
