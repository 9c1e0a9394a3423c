// Candidate and secondary get a request together; what is wrong with the secondary stays
// with the secondary.
#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "tests/e2e/shadow_fixture.h"

namespace shadowtap::shadow::test {
namespace {

using namespace std::chrono_literals;

std::uint64_t queue_full(const TargetStatus& status) {
  return status.refused[static_cast<std::size_t>(http::Refused::kQueueFull)];
}

// All at once, each of a client connection of its own.
std::deque<http::Exchange> submit(Bench& bench, std::size_t count) {
  std::deque<http::Exchange> exchanges;
  for (std::size_t i = 0; i < count; ++i) {
    exchanges.push_back(exchange_of("GET", "/", i));
    const Submitted submitted = bench.dispatcher->submit(exchanges.back());
    EXPECT_TRUE(submitted.candidate && submitted.secondary);
  }
  return exchanges;
}

std::size_t answered(const Bench& bench, const std::deque<http::Exchange>& exchanges,
                     Role role = Role::kCandidate) {
  std::size_t count = 0;
  for (const auto& exchange : exchanges) count += bench.sink.answer(exchange.id, role).ok();
  return count;
}

// At 20 ms a request most of them would be stale.
TEST(Pair, ASecondaryThatNeverAnswersDoesNotHoldTheCandidateUp) {
  Imposter good(echo);
  Imposter hole([](int descriptor, int) {
    while (!read_request(descriptor).empty()) continue;
  });
  Bench bench;
  bench.add(Role::kCandidate, good.url()).max_wait = 3s;
  TargetOptions& secondary = bench.add(Role::kSecondary, hole.url());
  secondary.concurrency = 2;
  secondary.timeout = secondary.first_byte_timeout = 60s;
  bench.start();
  const std::deque<http::Exchange> exchanges = submit(bench, 300);
  ASSERT_TRUE(bench.run_until_answers(300 + 298));
  EXPECT_EQ(answered(bench, exchanges), 300u);
  EXPECT_EQ(queue_full(bench.dispatcher->status()[1]), 298u);
  EXPECT_EQ(bench.dispatcher->status()[1].in_flight, 2u);
  EXPECT_EQ(bench.sink.repeated, 0u);
}

// It takes connections and never ends a TLS handshake: there is a slot, and no connection.
TEST(Pair, ASecondaryThatCannotBeReachedIsWaitedForOnce) {
  Imposter good(echo);
  Imposter hole([](int descriptor, int) { read_request(descriptor); });
  Bench bench;
  bench.add(Role::kCandidate, good.url()).max_wait = 1s;
  TargetOptions& secondary =
      bench.add(Role::kSecondary, "https://127.0.0.1:" + std::to_string(hole.port()));
  secondary.tls.insecure = true;
  secondary.concurrency = 1000;
  secondary.connect_timeout = 60s;
  bench.start();
  const std::deque<http::Exchange> exchanges = submit(bench, 150);
  ASSERT_TRUE(bench.run_until_answers(150));
  EXPECT_EQ(answered(bench, exchanges), 150u);
  EXPECT_EQ(bench.dispatcher->status()[1].in_flight, 150u);
}

TEST(Pair, AHealthySecondaryGetsAllOfABurst) {
  Imposter candidate(echo);
  Imposter secondary(echo);
  Bench bench;
  bench.add(Role::kCandidate, candidate.url());
  bench.add(Role::kSecondary, secondary.url());
  bench.start();
  const std::deque<http::Exchange> exchanges = submit(bench, 40);
  ASSERT_TRUE(bench.run_until_answers(80));
  EXPECT_EQ(answered(bench, exchanges), 40u);
  EXPECT_EQ(answered(bench, exchanges, Role::kSecondary), 40u);
  std::size_t together = 0;
  for (const auto& exchange : exchanges) {
    const Time a = bench.sink.answer(exchange.id).sent;
    const Time b = bench.sink.answer(exchange.id, Role::kSecondary).sent;
    together += std::chrono::abs(a - b) < 5ms;
  }
  EXPECT_GT(together, exchanges.size() / 2);  // the rest: the test's host was busy in between
}

// The secondary's errors come later, and both before their originals are known.
TEST(Pair, TheServerErrorsOfBothCount) {
  const auto failing_after = [](Duration pause) {
    return [pause](int descriptor, int) {
      while (!read_request(descriptor).empty()) {
        std::this_thread::sleep_for(pause);
        write_all(descriptor, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
      }
    };
  };
  Imposter candidate(failing_after(0ms));
  Imposter secondary(failing_after(5ms));
  Bench bench;
  bench.add(Role::kCandidate, candidate.url()).breaker.consecutive_failures = 5;
  bench.add(Role::kSecondary, secondary.url()).breaker.consecutive_failures = 5;
  bench.start();
  for (std::size_t i = 0; i < 5; ++i) {
    http::Exchange exchange = exchange_of("GET", "/");
    bench.dispatcher->submit(exchange);
    ASSERT_TRUE(bench.run_until_answers(2 * (i + 1)));
    exchange.original.emplace().status = 200;
    bench.dispatcher->original_ended(exchange, true);
  }
  for (const TargetStatus& status : bench.dispatcher->status()) {
    EXPECT_EQ(status.state, TargetState::kOpen) << status.name;
  }
}

}  // namespace
}  // namespace shadowtap::shadow::test
