// The dispatcher against servers that really listen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <mutex>

#include "tests/e2e/shadow_fixture.h"

namespace shadowtap::shadow::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(Dispatcher, SendsARequestAndHandsTheAnswerBack) {
  Imposter server(echo);
  Bench bench;
  bench.add(Role::kCandidate, server.url());
  bench.start();
  const http::Exchange exchange = exchange_of("GET", "/users/1?x=y");
  const Submitted submitted = bench.dispatcher->submit(exchange);
  EXPECT_TRUE(submitted.candidate);
  EXPECT_EQ(bench.sink.count(), 0u);
  ASSERT_TRUE(bench.run_until_answers(1));
  const http::Answer& answer = bench.sink.answer(exchange.id);
  ASSERT_TRUE(answer.ok()) << to_string(answer.error);
  EXPECT_EQ(answer.response.status, 200);
  EXPECT_EQ(answer.response.body.bytes, "GET /users/1?x=y HTTP/1.1");
  EXPECT_GT(answer.to_first_byte.count(), 0);
  EXPECT_GE(answer.to_last_byte, answer.to_first_byte);
  EXPECT_GT(answer.round_trip.count(), 0);
}

TEST(Dispatcher, UsesOneConnectionForManyRequests) {
  Imposter server(echo);
  Bench bench;
  bench.add(Role::kCandidate, server.url());
  bench.start();
  std::deque<http::Exchange> exchanges;
  for (std::size_t i = 0; i < 500; ++i) {
    exchanges.push_back(exchange_of("GET", "/" + std::to_string(i)));
    bench.dispatcher->submit(exchanges.back());
    ASSERT_TRUE(bench.run_until_answers(i + 1));
  }
  for (const auto& exchange : exchanges) EXPECT_TRUE(bench.sink.answer(exchange.id).ok());
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(bench.dispatcher->status()[0].connections_opened, 1u);
}

TEST(Dispatcher, CandidateAndSecondaryLeaveTogetherInEitherOrder) {
  Imposter candidate(echo);
  Imposter secondary(echo);
  Bench bench;
  bench.add(Role::kCandidate, candidate.url());
  bench.add(Role::kSecondary, secondary.url());
  bench.start();
  int candidate_first = 0;
  int together = 0;
  const int total = 200;
  for (int i = 0; i < total; ++i) {
    const http::Exchange exchange = exchange_of("GET", "/");
    bench.dispatcher->submit(exchange);
    ASSERT_TRUE(bench.run_until_answers(2 * static_cast<std::size_t>(i + 1)));
    const Time a = bench.sink.answer(exchange.id).sent;
    const Time b = bench.sink.answer(exchange.id, Role::kSecondary).sent;
    if (std::chrono::abs(a - b) < 1ms) ++together;
    if (a < b) ++candidate_first;
  }
  EXPECT_GT(together, total / 2);  // the rest: the test's host was busy in between
  EXPECT_GT(candidate_first, total / 4);
  EXPECT_LT(candidate_first, total * 3 / 4);
}

TEST(Dispatcher, ADeadTargetIsAnErrorOfEveryExchange) {
  Imposter server(echo);
  server.stop_listening();
  Bench bench;
  bench.add(Role::kCandidate, server.url());
  bench.start();
  std::deque<http::Exchange> exchanges;
  for (std::size_t i = 0; i < 50; ++i) {
    exchanges.push_back(exchange_of("GET", "/", i));
    bench.dispatcher->submit(exchanges.back());
    ASSERT_TRUE(bench.run_until_answers(i + 1));
  }
  std::map<http::AnswerError, int> errors;
  for (const auto& exchange : exchanges) ++errors[bench.sink.answer(exchange.id).error];
  EXPECT_EQ(errors[http::AnswerError::kConnect], 10);
  EXPECT_EQ(errors[http::AnswerError::kCircuitOpen], 40);
  EXPECT_EQ(bench.dispatcher->status()[0].state, TargetState::kOpen);
}

TEST(Dispatcher, NamesAreResolved) {
  Imposter server(echo);
  Bench bench;
  bench.add(Role::kCandidate, "http://localhost:" + std::to_string(server.port()));
  bench.start();
  const http::Exchange exchange = exchange_of("GET", "/");
  bench.dispatcher->submit(exchange);
  ASSERT_TRUE(bench.run_until_answers(1));
  EXPECT_TRUE(bench.sink.answer(exchange.id).ok());
}

TEST(Dispatcher, AnUnknownNameIsADnsError) {
  Bench bench;
  bench.add(Role::kCandidate, "http://no-such-host.invalid:80");
  bench.start();
  const http::Exchange exchange = exchange_of("GET", "/");
  bench.dispatcher->submit(exchange);
  ASSERT_TRUE(bench.run_until_answers(1));
  const TargetOutcome* outcome = bench.sink.find(exchange.id);
  ASSERT_NE(outcome, nullptr);
  const bool stale = std::holds_alternative<http::Refused>(*outcome);  // a resolver that hangs
  EXPECT_TRUE(stale || bench.sink.answer(exchange.id).error == http::AnswerError::kDns);
}

TEST(Dispatcher, ASilentTargetTimesOut) {
  Imposter server(
      [](int descriptor, int) { read_request(descriptor), read_request(descriptor); });
  Bench bench;
  bench.add(Role::kCandidate, server.url()).first_byte_timeout = 100ms;
  bench.start();
  const http::Exchange exchange = exchange_of("GET", "/");
  bench.dispatcher->submit(exchange);
  ASSERT_TRUE(bench.run_until_answers(1));
  EXPECT_EQ(bench.sink.answer(exchange.id).error, http::AnswerError::kTimeout);
}

TEST(Dispatcher, ShadowRequestsSayWhatTheyAre) {
  std::mutex mutex;
  std::string seen;
  Imposter server([&](int descriptor, int) {
    const std::string request = read_request(descriptor);
    const std::lock_guard lock(mutex);
    seen = request;
    write_all(descriptor, ok_response(""));
  });
  Bench bench;
  bench.add(Role::kCandidate, server.url());
  bench.start();
  http::Exchange exchange = exchange_of("GET", "/");
  exchange.id = 0xabcdef0123;
  bench.dispatcher->submit(exchange);
  ASSERT_TRUE(bench.run_until_answers(1));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(header_of(seen, "x-shadowtap"), "abcdef0123");
  EXPECT_EQ(header_of(seen, "host"), "shop.example");
}

TEST(Dispatcher, StopAnswersEverythingOnce) {
  Imposter server(
      [](int descriptor, int) { read_request(descriptor), read_request(descriptor); });
  Bench bench;
  bench.add(Role::kCandidate, server.url()).concurrency = 4;
  bench.add(Role::kMirror, server.url());
  bench.start();
  std::deque<http::Exchange> exchanges;
  for (std::uint64_t i = 0; i < 20; ++i) {
    exchanges.push_back(exchange_of("GET", "/", i / 2));
    bench.dispatcher->submit(exchanges.back());
  }
  bench.run_until([] { return false; }, 50ms);
  bench.dispatcher->stop();
  EXPECT_EQ(bench.sink.count(), 40u);
  EXPECT_EQ(bench.sink.repeated, 0u);
}

}  // namespace
}  // namespace shadowtap::shadow::test
