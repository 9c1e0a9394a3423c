// A pause, or an expiry, and the requests that were accepted before it: what has not begun
// to leave never does, and each is told its outcome once.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <thread>

#include "tests/e2e/shadow_fixture.h"

namespace shadowtap::shadow::test {
namespace {

using namespace std::chrono_literals;

bool paused(const Bench& bench, const http::Exchange& exchange, Role role = Role::kCandidate) {
  const TargetOutcome* const outcome = bench.sink.find(exchange.id, role);
  const auto* skipped = outcome == nullptr ? nullptr : std::get_if<http::Skipped>(outcome);
  return skipped != nullptr && *skipped == http::Skipped::kPaused;
}

// Says nothing, so a TLS handshake with it never ends.
void silent(int descriptor, int) { read_request(descriptor); }

TargetOptions& add_shaking(Bench& bench, Role role, const Imposter& server) {
  TargetOptions& target = bench.add(role, "https://127.0.0.1:" + std::to_string(server.port()));
  target.tls.insecure = true;
  target.connect_timeout = 60s;
  return target;
}

TEST(Pause, NothingLeavesOnAConnectionThatIsBeingOpened) {
  std::atomic<int> seen{0};
  Imposter server([&](int descriptor, int) {
    while (!read_request(descriptor).empty()) {
      ++seen;
      write_all(descriptor, ok_response(""));
    }
  });
  Bench bench;
  bench.add(Role::kCandidate, server.url());
  bench.add(Role::kMirror, server.url());
  bench.start();
  std::deque<http::Exchange> exchanges;
  for (std::uint64_t i = 0; i < 3; ++i) {
    exchanges.push_back(exchange_of("GET", "/", i));
    EXPECT_EQ(bench.dispatcher->submit(exchanges.back()).answers(), 2u);
  }
  ASSERT_EQ(bench.dispatcher->status()[0].in_flight, 3u);
  bench.dispatcher->set_paused(true);
  ASSERT_TRUE(bench.run_until_answers(6));
  bench.run_until([] { return false; }, 100ms);
  EXPECT_EQ(seen, 0);
  EXPECT_EQ(bench.sink.count(), 6u);
  for (const http::Exchange& exchange : exchanges) {
    EXPECT_TRUE(paused(bench, exchange));
    EXPECT_TRUE(paused(bench, exchange, Role::kMirror));
  }
  for (const TargetStatus& status : bench.dispatcher->status()) {
    EXPECT_EQ(status.withdrawn, 3u) << status.name;
    EXPECT_EQ(status.in_flight, 0u) << status.name;
  }
  EXPECT_EQ(bench.limits.in_flight(), 0);

  bench.dispatcher->set_paused(false);
  const http::Exchange after = exchange_of("GET", "/");
  bench.dispatcher->submit(after);
  ASSERT_TRUE(bench.run_until_answers(8));
  EXPECT_TRUE(bench.sink.answer(after.id).ok());
}

TEST(Pause, AnExpiryEndsWhatIsStillShakingHands) {
  Imposter server(silent);
  Bench bench;
  bench.dispatch.expires = 200ms;
  add_shaking(bench, Role::kCandidate, server);
  bench.start();
  const http::Exchange exchange = exchange_of("GET", "/");
  EXPECT_TRUE(bench.dispatcher->submit(exchange).candidate);
  ASSERT_TRUE(bench.run_until_answers(1));
  EXPECT_TRUE(paused(bench, exchange));
  EXPECT_EQ(bench.dispatcher->status()[0].in_flight, 0u);
}

TEST(Pause, ReachesTargetsThatWereReplacedOrRemoved) {
  Imposter never(silent);
  Imposter good(echo);
  Bench bench;
  add_shaking(bench, Role::kCandidate, never);
  add_shaking(bench, Role::kMirror, never);
  bench.start();
  const http::Exchange exchange = exchange_of("GET", "/");
  EXPECT_EQ(bench.dispatcher->submit(exchange).answers(), 2u);
  TargetOptions fresh;
  fresh.url = good.url();
  ASSERT_TRUE(bench.dispatcher->put_target(fresh));
  EXPECT_TRUE(bench.dispatcher->remove_target(Role::kMirror, "mirror"));
  bench.dispatcher->set_paused(true);
  ASSERT_TRUE(bench.run_until_answers(2));
  EXPECT_TRUE(paused(bench, exchange));
  EXPECT_TRUE(paused(bench, exchange, Role::kMirror));
  EXPECT_EQ(bench.limits.in_flight(), 0);
}

// The first connection answers once, swallows the next request and hangs up when told.
TEST(Pause, WhatADeadConnectionSwallowedIsNotSentAgain) {
  std::atomic<int> seen{0};
  std::atomic<bool> hang_up{false};
  Imposter server([&](int descriptor, int number) {
    while (!read_request(descriptor).empty()) {
      if (++seen != 2 || number != 0) {
        write_all(descriptor, ok_response(""));
        continue;
      }
      for (int i = 0; i < 10000 && !hang_up; ++i) std::this_thread::sleep_for(1ms);
      return;
    }
  });
  Bench bench;
  bench.add(Role::kCandidate, server.url()).first_byte_timeout = 20s;
  bench.targets[0].timeout = 20s;
  bench.start();
  const http::Exchange first = exchange_of("GET", "/");
  bench.dispatcher->submit(first);
  ASSERT_TRUE(bench.run_until_answers(1));
  ASSERT_TRUE(bench.sink.answer(first.id).ok());
  const http::Exchange second = exchange_of("GET", "/");
  bench.dispatcher->submit(second);
  ASSERT_TRUE(bench.run_until([&] { return seen == 2; }));
  bench.dispatcher->set_paused(true);
  EXPECT_EQ(bench.dispatcher->status()[0].in_flight, 1u);  // it has left
  hang_up = true;
  ASSERT_TRUE(bench.run_until_answers(2));
  EXPECT_TRUE(paused(bench, second));
  const TargetStatus status = bench.dispatcher->status()[0];
  EXPECT_EQ(status.retried, 0u);
  EXPECT_EQ(status.withdrawn, 1u);
  EXPECT_EQ(status.in_flight, 0u);
  EXPECT_EQ(bench.limits.in_flight(), 0);
  EXPECT_EQ(seen, 2);
}

}  // namespace
}  // namespace shadowtap::shadow::test
