// Targets of every kind and their faults: Unix sockets, stale pools, answers that break
// off at each byte, huge and trickling ones, changes while running.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include "tests/e2e/shadow_fixture.h"

namespace shadowtap::shadow::test {
namespace {

using namespace std::chrono_literals;

http::AnswerError error_of(const Bench& bench, const http::Exchange& exchange,
                           Role role = Role::kCandidate) {
  return bench.sink.answer(exchange.id, role).error;
}

TEST(Targets, UnixSocketsWork) {
  const std::string path = "/tmp/shadowtap-test-" + std::to_string(::getpid()) + ".sock";
  Imposter server(echo, path);
  Bench bench;
  bench.add(Role::kCandidate, server.url() + ":/base");
  bench.start();
  const http::Exchange exchange = exchange_of("GET", "/x");
  bench.dispatcher->submit(exchange);
  ASSERT_TRUE(bench.run_until_answers(1));
  EXPECT_EQ(bench.sink.answer(exchange.id).response.body.bytes, "GET /base/x HTTP/1.1");
}

// Echoes, and says when it last did.
struct NotesWhen {
  std::atomic<Time> answered{};

  void operator()(int descriptor, int) {
    while (!read_request(descriptor).empty()) {
      write_all(descriptor, ok_response("now"));
      answered = Time::clock::now();
    }
  }
  // When the answer that is under way was written.
  Time wait() {
    const Time limit = Time::clock::now() + 10s;
    while (answered.load() == Time{} && Time::clock::now() < limit) std::this_thread::yield();
    return answered.exchange(Time{});
  }
};

TEST(Targets, AnAnswersTimeIsItsArrivalNotWhenItIsRead) {
  NotesWhen script;
  Imposter server(std::ref(script));
  Bench bench;
  bench.add(Role::kCandidate, server.url());
  bench.start();
  std::deque<http::Exchange> exchanges;
  // The host's first socket that asks for time stamps may get its first bytes without.
  for (std::size_t n = 0; n < 100; ++n) {
    exchanges.push_back(exchange_of("GET", "/x"));
    bench.dispatcher->submit(exchanges.back());
    if (n == 0) {
      ASSERT_TRUE(bench.run_until_answers(1));
    }
    const Time answered = script.wait();
    while (Time::clock::now() < answered + 20ms) std::this_thread::yield();
    ASSERT_TRUE(bench.run_until_answers(n + 1));
    const http::Answer& answer = bench.sink.answer(exchanges.back().id);
    EXPECT_LE(answer.to_first_byte, answer.to_last_byte);
    if (n > 0 && answer.sent + answer.to_last_byte < answered + 10ms) return;
  }
  FAIL() << "the time it lay unread was counted every time";
}

// Serves one request a connection and then hangs up without a word.
void one_then_close(int descriptor, int number) {
  read_request(descriptor);
  write_all(descriptor, ok_response(std::to_string(number)));
}

// A pooled connection that dies between the sweep and the send shows only when used.
struct DiesWhenUsed {
  std::mutex mutex;
  std::vector<std::string> seen;

  void operator()(int descriptor, int number) {
    const std::string first = read_request(descriptor);
    note(first);
    write_all(descriptor, ok_response("first"));
    const std::string second = read_request(descriptor);
    if (second.empty()) return;
    note(second);
    if (number == 0) return;  // swallows it and hangs up
    write_all(descriptor, ok_response("second"));
    read_request(descriptor);
  }
  void note(const std::string& request) {
    const std::lock_guard lock(mutex);
    seen.push_back(request.substr(0, request.find(' ')));
  }
};

TEST(Targets, AnIdempotentRequestIsTriedAgainOnAFreshConnection) {
  DiesWhenUsed script;
  Imposter server([&](int descriptor, int number) { script(descriptor, number); });
  Bench bench;
  bench.add(Role::kCandidate, server.url());
  bench.start();
  for (std::size_t i = 0; i < 2; ++i) {
    const http::Exchange exchange = exchange_of("GET", "/");
    bench.dispatcher->submit(exchange);
    ASSERT_TRUE(bench.run_until_answers(i + 1));
    EXPECT_EQ(error_of(bench, exchange), http::AnswerError::kNone);
  }
  EXPECT_EQ(bench.dispatcher->status()[0].retried, 1u);
}

TEST(Targets, ARequestWithSideEffectsIsNeverSentTwice) {
  DiesWhenUsed script;
  Imposter server([&](int descriptor, int number) { script(descriptor, number); });
  Bench bench;
  bench.select.methods = {"POST"};
  bench.add(Role::kCandidate, server.url());
  bench.start();
  http::Exchange first = exchange_of("POST", "/");
  bench.dispatcher->submit(first);
  ASSERT_TRUE(bench.run_until_answers(1));
  http::Exchange second = exchange_of("POST", "/");
  bench.dispatcher->submit(second);
  ASSERT_TRUE(bench.run_until_answers(2));
  EXPECT_EQ(error_of(bench, second), http::AnswerError::kReset);
  const std::lock_guard lock(script.mutex);
  EXPECT_EQ(script.seen.size(), 2u);
}

TEST(Targets, AConnectionThatHungUpIsNotUsedAgain) {
  Imposter server(one_then_close);
  Bench bench;
  bench.select.methods = {"POST"};
  bench.add(Role::kCandidate, server.url());
  bench.start();
  for (std::size_t i = 0; i < 20; ++i) {
    const http::Exchange exchange = exchange_of("POST", "/");
    bench.dispatcher->submit(exchange);
    ASSERT_TRUE(bench.run_until_answers(i + 1));
    EXPECT_EQ(error_of(bench, exchange), http::AnswerError::kNone) << i;
    bench.run_until([] { return false; }, 5ms);  // the FIN arrives
  }
}

const std::string kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
    "5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n";

// Step n: the first n bytes, then a hang-up. Each is an outcome of its own exchange, and
// the last one is the whole answer.
TEST(Targets, AnAnswerMayBreakOffAtEachByte) {
  Imposter server([](int descriptor, int number) {
    read_request(descriptor);
    write_all(descriptor, kChunked.substr(0, static_cast<std::size_t>(number)));
  });
  Bench bench;
  bench.add(Role::kCandidate, server.url()).breaker.consecutive_failures = 100000;
  bench.targets[0].breaker.error_share = 1;
  bench.start();
  for (std::size_t n = 0; n <= kChunked.size(); ++n) {
    const http::Exchange exchange = exchange_of("GET", "/");
    bench.dispatcher->submit(exchange);
    ASSERT_TRUE(bench.run_until_answers(n + 1)) << n;
    const http::Answer& answer = bench.sink.answer(exchange.id);
    if (n < kChunked.size()) {
      EXPECT_EQ(answer.error, http::AnswerError::kReset) << n;
    } else {
      EXPECT_EQ(answer.error, http::AnswerError::kNone);
      EXPECT_EQ(answer.response.body.bytes, "hello world");
      EXPECT_EQ(answer.response.trailers.find("x-sum"), "11");
    }
  }
}

TEST(Targets, AnAnswerMayComeInAnyPieces) {
  Imposter server([](int descriptor, int number) {
    while (!read_request(descriptor).empty()) {
      const auto cut = static_cast<std::size_t>(number);
      write_all(descriptor, kChunked.substr(0, cut));
      std::this_thread::sleep_for(1ms);
      write_all(descriptor, kChunked.substr(cut));
      if (number % 3 == 0) return;
    }
  });
  Bench bench;
  bench.add(Role::kCandidate, server.url()).concurrency = 1000;
  bench.dispatch.order = Order::kNone;
  bench.start();
  std::deque<http::Exchange> exchanges;
  for (std::size_t n = 1; n < kChunked.size(); ++n) {
    exchanges.push_back(exchange_of("GET", "/"));
    bench.dispatcher->submit(exchanges.back());
  }
  ASSERT_TRUE(bench.run_until_answers(exchanges.size()));
  for (const auto& exchange : exchanges) {
    EXPECT_EQ(bench.sink.answer(exchange.id).response.body.bytes, "hello world");
  }
}

TEST(Targets, ProtocolErrorsAreOutcomes) {
  const std::vector<std::string> bad{"SSH-2.0-OpenSSH_9\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
                                     "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"};
  Imposter server([&](int descriptor, int number) {
    read_request(descriptor);
    write_all(descriptor, bad[static_cast<std::size_t>(number)]);
    read_request(descriptor);
  });
  Bench bench;
  bench.add(Role::kCandidate, server.url());
  bench.start();
  for (std::size_t i = 0; i < bad.size(); ++i) {
    const http::Exchange exchange = exchange_of("GET", "/");
    bench.dispatcher->submit(exchange);
    ASSERT_TRUE(bench.run_until_answers(i + 1));
    EXPECT_EQ(error_of(bench, exchange), http::AnswerError::kProtocol) << bad[i];
  }
}

TEST(Targets, AHugeAnswerKeepsItsLengthAndLittleMemory) {
  const std::size_t size = 30 << 20;
  Imposter server([&](int descriptor, int) {
    read_request(descriptor);
    write_all(descriptor,
              "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
    const std::string piece(1 << 20, 'x');
    for (int i = 0; i < 30; ++i) write_all(descriptor, piece);
    read_request(descriptor);
  });
  Bench bench;
  bench.add(Role::kCandidate, server.url()).max_answer_bytes = 1000;
  bench.start();
  const http::Exchange exchange = exchange_of("GET", "/");
  bench.dispatcher->submit(exchange);
  ASSERT_TRUE(bench.run_until_answers(1));
  const http::Body& body = bench.sink.answer(exchange.id).response.body;
  EXPECT_EQ(body.size, size);
  EXPECT_EQ(body.bytes.size(), 1000u);
  EXPECT_TRUE(body.sha256.has_value());
}

TEST(Targets, ALargeRequestGoesOutWhole) {
  std::mutex mutex;
  std::size_t got = 0;
  Imposter server([&](int descriptor, int) {
    const std::string request = read_request(descriptor);
    {
      const std::lock_guard lock(mutex);
      got = request.size() - request.find("\r\n\r\n") - 4;
    }
    write_all(descriptor, ok_response("ok"));
    read_request(descriptor);
  });
  Bench bench;
  bench.select.methods = {"PUT"};
  bench.add(Role::kCandidate, server.url());
  bench.start();
  http::Exchange exchange = exchange_of("PUT", "/");
  exchange.request.body.bytes.assign(8 << 20, 'y');
  exchange.request.body.size = exchange.request.body.bytes.size();
  bench.dispatcher->submit(exchange);
  ASSERT_TRUE(bench.run_until_answers(1));
  EXPECT_EQ(error_of(bench, exchange), http::AnswerError::kNone);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(got, std::size_t{8 << 20});
}

TEST(Targets, ATricklingAnswerIsCutByTheWholeTimeout) {
  std::atomic<bool> over{false};
  Imposter server([&over](int descriptor, int) {
    read_request(descriptor);
    write_all(descriptor, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    for (int i = 0; i < 100 && !over; ++i) {
      write_all(descriptor, "x");
      std::this_thread::sleep_for(20ms);
    }
  });
  Bench bench;
  bench.add(Role::kCandidate, server.url()).timeout = 200ms;
  bench.start();
  const http::Exchange exchange = exchange_of("GET", "/");
  bench.dispatcher->submit(exchange);
  const bool answered = bench.run_until_answers(1);
  over = true;
  ASSERT_TRUE(answered);
  EXPECT_EQ(error_of(bench, exchange), http::AnswerError::kTimeout);
}

TEST(Targets, ASilentMirrorDoesNotDelayTheCandidate) {
  Imposter good(echo);
  Imposter silent(
      [](int descriptor, int) { read_request(descriptor), read_request(descriptor); });
  Bench bench;
  bench.add(Role::kCandidate, good.url());
  TargetOptions& mirror = bench.add(Role::kMirror, silent.url());
  mirror.concurrency = 2;
  mirror.queue = 10;
  mirror.timeout = mirror.first_byte_timeout = 300ms;
  bench.start();
  std::deque<http::Exchange> exchanges;
  std::size_t candidates = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    exchanges.push_back(exchange_of("GET", "/", i));
    bench.dispatcher->submit(exchanges.back());
    const http::ExchangeId id = exchanges.back().id;
    ASSERT_TRUE(bench.run_until([&] { return bench.sink.find(id) != nullptr; }, 1s));
    candidates += error_of(bench, exchanges.back()) == http::AnswerError::kNone;
  }
  EXPECT_EQ(candidates, 200u);
  ASSERT_TRUE(bench.run_until_answers(400));
  const TargetStatus status = bench.dispatcher->status()[1];
  EXPECT_GT(status.refused[static_cast<std::size_t>(http::Refused::kQueueFull)], 100u);
  EXPECT_EQ(bench.sink.repeated, 0u);
}

TEST(Targets, ADeadSecondaryLeavesTheCandidateAlone) {
  Imposter good(echo);
  Imposter dead(echo);
  dead.stop_listening();
  Bench bench;
  bench.add(Role::kCandidate, good.url());
  bench.add(Role::kSecondary, dead.url());
  bench.start();
  for (std::size_t i = 0; i < 100; ++i) {
    const http::Exchange exchange = exchange_of("GET", "/");
    bench.dispatcher->submit(exchange);
    ASSERT_TRUE(bench.run_until_answers(2 * i + 2));
    EXPECT_EQ(error_of(bench, exchange), http::AnswerError::kNone);
    EXPECT_NE(error_of(bench, exchange, Role::kSecondary), http::AnswerError::kNone);
  }
}

TEST(Targets, WhatWaitsTooLongIsStale) {
  Imposter silent(
      [](int descriptor, int) { read_request(descriptor), read_request(descriptor); });
  Bench bench;
  TargetOptions& target = bench.add(Role::kCandidate, silent.url());
  target.concurrency = 1;
  target.max_wait = 100ms;
  bench.dispatch.order = Order::kNone;
  bench.start();
  const http::Exchange first = exchange_of("GET", "/");
  const http::Exchange second = exchange_of("GET", "/");
  bench.dispatcher->submit(first);
  bench.dispatcher->submit(second);
  ASSERT_TRUE(bench.run_until_answers(1));
  const TargetOutcome* outcome = bench.sink.find(second.id);
  ASSERT_NE(outcome, nullptr);
  EXPECT_EQ(std::get<http::Refused>(*outcome), http::Refused::kStale);
}

TEST(Targets, ServerErrorsOpenTheCircuitOnlyWhereTheOriginalHadNone) {
  Imposter server([](int descriptor, int) {
    while (!read_request(descriptor).empty()) {
      write_all(descriptor, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
    }
  });
  for (const int original : {503, 200}) {
    Bench bench;
    bench.add(Role::kCandidate, server.url());
    bench.start();
    for (std::size_t i = 0; i < 30; ++i) {
      http::Exchange exchange = exchange_of("GET", "/");
      bench.dispatcher->submit(exchange);
      ASSERT_TRUE(bench.run_until_answers(i + 1));
      exchange.original.emplace();
      exchange.original->status = original;
      bench.dispatcher->original_ended(exchange, true);
    }
    const TargetState expected = original == 200 ? TargetState::kOpen : TargetState::kUp;
    EXPECT_EQ(bench.dispatcher->status()[0].state, expected) << original;
  }
}

TEST(Targets, SendOnResponseWaitsForTheOriginal) {
  Imposter server(echo);
  Bench bench;
  bench.dispatch.send = SendOn::kResponse;
  bench.add(Role::kCandidate, server.url());
  bench.start();
  http::Exchange kept = exchange_of("GET", "/");
  http::Exchange lost = exchange_of("GET", "/");
  bench.dispatcher->submit(kept);
  bench.dispatcher->submit(lost);
  bench.run_until([] { return false; }, 50ms);
  EXPECT_EQ(bench.sink.count(), 0u);
  bench.dispatcher->original_ended(lost, false);
  kept.original.emplace();
  bench.dispatcher->original_ended(kept, true);
  ASSERT_TRUE(bench.run_until_answers(2));
  EXPECT_EQ(error_of(bench, kept), http::AnswerError::kNone);
  EXPECT_EQ(std::get<http::NotComparable>(*bench.sink.find(lost.id)),
            http::NotComparable::kOriginalLost);
}

TEST(Targets, ConnectionOrderWaitsForBothAnswers) {
  std::mutex mutex;
  std::vector<std::string> log;
  const auto slow_after = [&](const char* name, Duration pause) {
    return [&, name, pause](int descriptor, int) {
      for (std::string r = read_request(descriptor); !r.empty(); r = read_request(descriptor)) {
        {
          const std::lock_guard lock(mutex);
          log.push_back(name + r.substr(4, 2));
        }
        std::this_thread::sleep_for(pause);
        write_all(descriptor, ok_response(""));
      }
    };
  };
  Imposter candidate(slow_after("c", 60ms));
  Imposter secondary(slow_after("s", 0ms));
  Bench bench;
  bench.add(Role::kCandidate, candidate.url());
  bench.add(Role::kSecondary, secondary.url());
  bench.start();
  const http::Exchange first = exchange_of("GET", "/1");
  const http::Exchange second = exchange_of("GET", "/2");
  bench.dispatcher->submit(first);
  bench.dispatcher->submit(second);
  ASSERT_TRUE(bench.run_until_answers(4));
  EXPECT_GT(bench.sink.answer(second.id, Role::kSecondary).sent,
            bench.sink.answer(first.id).sent + 60ms);
}

TEST(Targets, ComeAndGoWhileRunning) {
  Imposter one(echo);
  Imposter two(echo);
  Bench bench;
  bench.start();
  http::Exchange exchange = exchange_of("GET", "/");
  Submitted submitted = bench.dispatcher->submit(exchange);
  EXPECT_EQ(submitted.skipped, http::Skipped::kNoCandidate);
  EXPECT_TRUE(submitted.selected);

  TargetOptions target;
  target.url = one.url();
  ASSERT_TRUE(bench.dispatcher->put_target(target));
  target.role = Role::kMirror;
  target.name = "m";
  target.expires = 300ms;
  ASSERT_TRUE(bench.dispatcher->put_target(target));
  exchange = exchange_of("GET", "/");
  submitted = bench.dispatcher->submit(exchange);
  EXPECT_EQ(submitted.answers(), 2u);
  ASSERT_TRUE(bench.run_until_answers(2));
  EXPECT_EQ(one.connections(), 2);

  target = {};
  target.url = two.url();
  ASSERT_TRUE(bench.dispatcher->put_target(target));
  exchange = exchange_of("GET", "/");
  bench.dispatcher->submit(exchange);
  ASSERT_TRUE(bench.run_until_answers(4));
  EXPECT_EQ(two.connections(), 1);
  EXPECT_TRUE(bench.run_until([&] { return bench.dispatcher->status().size() == 1; }, 2s));

  EXPECT_TRUE(bench.dispatcher->remove_target(Role::kCandidate, ""));
  EXPECT_FALSE(bench.dispatcher->remove_target(Role::kCandidate, ""));
  EXPECT_EQ(bench.dispatcher->submit(exchange).skipped, http::Skipped::kNoCandidate);
  target.url = "ftp://nowhere";
  EXPECT_FALSE(bench.dispatcher->put_target(target));
}

TEST(Targets, PauseAndExpiryStopSending) {
  Imposter server(echo);
  Bench bench;
  bench.dispatch.expires = 200ms;
  bench.add(Role::kCandidate, server.url());
  bench.start();
  const http::Exchange exchange = exchange_of("GET", "/");
  bench.dispatcher->set_paused(true);
  EXPECT_EQ(bench.dispatcher->submit(exchange).skipped, http::Skipped::kPaused);
  bench.dispatcher->set_paused(false);
  EXPECT_TRUE(bench.dispatcher->submit(exchange).candidate);
  EXPECT_TRUE(bench.run_until([&] { return bench.dispatcher->sending_expired(); }, 2s));
  EXPECT_EQ(bench.dispatcher->submit(exchange).skipped, http::Skipped::kPaused);
}

TEST(Targets, PauseWithdrawsWhatWaits) {
  std::atomic<int> seen{0};
  Imposter slow([&](int descriptor, int) {
    while (!read_request(descriptor).empty()) {
      ++seen;
      std::this_thread::sleep_for(50ms);
      write_all(descriptor, ok_response(""));
    }
  });
  Bench bench;
  bench.add(Role::kCandidate, slow.url()).concurrency = 1;
  bench.start();
  std::deque<http::Exchange> exchanges;
  for (std::uint64_t i = 0; i < 10; ++i) {
    exchanges.push_back(exchange_of("GET", "/", i));
    bench.dispatcher->submit(exchanges.back());
  }
  ASSERT_TRUE(bench.run_until([&] { return seen > 0; }));
  bench.dispatcher->set_paused(true);
  ASSERT_TRUE(bench.run_until_answers(10));
  EXPECT_EQ(bench.dispatcher->status()[0].answered, 1u);
  EXPECT_EQ(bench.dispatcher->status()[0].withdrawn, 9u);
  EXPECT_EQ(seen, 1);
  for (std::size_t i = 1; i < exchanges.size(); ++i) {
    EXPECT_EQ(std::get<http::Skipped>(*bench.sink.find(exchanges[i].id)),
              http::Skipped::kPaused);
  }
}

// A rewrite's pattern may join what a client wrote apart.
TEST(Targets, ARewriteMustNotLeadWhereNothingMayGo) {
  Imposter server(echo);
  Bench bench;
  bench.select.deny = {"^/admin"};
  TargetOptions& target = bench.add(Role::kCandidate, server.url() + "/base");
  target.rewrite = {{"^/v1/(\\w*)~(\\w*)", "/\\1\\2"}};
  bench.add(Role::kSecondary, server.url());
  bench.start();
  std::size_t answers = 0;
  for (const char* path : {"/v1/log~out", "/v1/ad~min", "/v1/us~ers"}) {
    const http::Exchange exchange = exchange_of("GET", path);
    answers += bench.dispatcher->submit(exchange).answers();
    ASSERT_TRUE(bench.run_until_answers(answers));
    const bool good = std::string_view(path) == "/v1/us~ers";
    EXPECT_EQ(std::holds_alternative<http::Answer>(*bench.sink.find(exchange.id)), good) << path;
    EXPECT_TRUE(bench.sink.answer(exchange.id, Role::kSecondary).ok());  // not rewritten there
    EXPECT_EQ(bench.sink.answer(exchange.id).response.body.bytes,
              good ? "GET /base/users HTTP/1.1" : "");
  }
  EXPECT_EQ(bench.limits.in_flight(), 0);
  EXPECT_EQ(bench.dispatcher->status()[0].in_flight, 0u);
  EXPECT_EQ(bench.dispatcher->status()[0].withdrawn, 2u);
}

// An override makes a GET a POST: it is sent once or not at all.
TEST(Targets, WhatAFrameworkTakesForAPostIsNeverSentTwice) {
  DiesWhenUsed script;
  Imposter server([&](int descriptor, int number) { script(descriptor, number); });
  Bench bench;
  bench.select.methods = {"GET", "POST"};
  bench.add(Role::kCandidate, server.url());
  bench.start();
  for (std::size_t i = 0; i < 2; ++i) {
    http::Exchange exchange = exchange_of("GET", "/");
    exchange.request.headers.append("X-HTTP-Method-Override", "POST");
    bench.dispatcher->submit(exchange);
    ASSERT_TRUE(bench.run_until_answers(i + 1));
  }
  EXPECT_EQ(bench.dispatcher->status()[0].retried, 0u);
  const std::lock_guard lock(script.mutex);
  EXPECT_EQ(script.seen.size(), 2u);
}

TEST(Targets, AllTargetsTogetherKeepTheGlobalLimits) {
  Imposter slow([](int descriptor, int) {
    while (!read_request(descriptor).empty()) {
      std::this_thread::sleep_for(20ms);
      write_all(descriptor, ok_response(""));
    }
  });
  Bench bench;
  bench.limits.set({0, 3});
  bench.add(Role::kCandidate, slow.url());
  bench.add(Role::kMirror, slow.url());
  bench.start();
  std::deque<http::Exchange> exchanges;
  for (std::uint64_t i = 0; i < 30; ++i) {
    exchanges.push_back(exchange_of("GET", "/", i));
    bench.dispatcher->submit(exchanges.back());
    EXPECT_LE(bench.limits.in_flight(), 3);
  }
  ASSERT_TRUE(bench.run_until([&] {
    EXPECT_LE(bench.limits.in_flight(), 3);
    return bench.sink.count() == 60;
  }));
  EXPECT_EQ(bench.limits.in_flight(), 0);
  EXPECT_LE(slow.connections(), 6);  // three a pool
}

TEST(Targets, TheShardsTogetherKeepATargetsLimits) {
  Imposter silent(
      [](int descriptor, int) { read_request(descriptor), read_request(descriptor); });
  struct Case {
    std::size_t concurrency;
    std::size_t queue;
    std::uint16_t shard;
    std::uint16_t shards;
    std::size_t in_flight;
    std::size_t queued;
  };
  for (const Case& c : {Case{5, 7, 0, 1, 5, 7}, Case{5, 7, 0, 2, 3, 4}, Case{5, 7, 1, 2, 2, 3},
                        Case{1, 1, 3, 4, 1, 1}}) {  // nobody gets nothing
    Bench bench;
    bench.shard = c.shard;
    bench.shards = c.shards;
    TargetOptions& target = bench.add(Role::kCandidate, silent.url());
    target.concurrency = c.concurrency;
    target.queue = c.queue;
    bench.start();
    std::deque<http::Exchange> exchanges;
    for (std::uint64_t i = 0; i < 20; ++i) {
      exchanges.push_back(exchange_of("GET", "/", i));
      bench.dispatcher->submit(exchanges.back());
    }
    const TargetStatus status = bench.dispatcher->status()[0];
    EXPECT_EQ(status.in_flight, c.in_flight) << c.shard << " of " << c.shards;
    EXPECT_EQ(status.queued, c.queued) << c.shard << " of " << c.shards;
    EXPECT_EQ(status.refused[static_cast<std::size_t>(http::Refused::kQueueFull)],
              20 - c.in_flight - c.queued);
  }
}

TEST(Targets, PooledConnectionsEndByIdlenessAndAge) {
  for (const bool by_age : {false, true}) {
    Imposter server(echo);
    Bench bench;
    TargetOptions& target = bench.add(Role::kCandidate, server.url());
    (by_age ? target.max_age : target.idle_timeout) = 10ms;
    bench.start();
    for (std::size_t i = 0; i < 2; ++i) {
      if (i > 0) bench.run_until([] { return false; }, 1200ms);  // upkeep is done once a second
      const http::Exchange exchange = exchange_of("GET", "/");
      bench.dispatcher->submit(exchange);
      ASSERT_TRUE(bench.run_until_answers(i + 1));
    }
    EXPECT_EQ(server.connections(), 2) << by_age;
  }
}

TEST(Targets, WhatIsOverATargetsRateIsRefused) {
  Imposter server(echo);
  Bench bench;
  bench.add(Role::kCandidate, server.url()).rate = 8;  // bursts of two
  bench.dispatch.order = Order::kNone;
  bench.start();
  std::deque<http::Exchange> exchanges;
  for (std::uint64_t i = 0; i < 20; ++i) {
    exchanges.push_back(exchange_of("GET", "/"));
    bench.dispatcher->submit(exchanges.back());
  }
  ASSERT_TRUE(bench.run_until_answers(20));
  const TargetStatus status = bench.dispatcher->status()[0];
  EXPECT_GE(status.answered, 2u);
  EXPECT_GE(status.refused[static_cast<std::size_t>(http::Refused::kRate)], 15u);
}

TEST(Targets, RulesMayChangeWhileRunning) {
  Imposter server(echo);
  Bench bench;
  bench.add(Role::kCandidate, server.url());
  bench.start();
  const http::Exchange put = exchange_of("PUT", "/a");
  EXPECT_EQ(bench.dispatcher->submit(put).skipped, http::Skipped::kMethod);
  SelectOptions select;
  select.side_effects = {{{"PUT"}, "^/a$"}};
  ASSERT_TRUE(bench.dispatcher->apply(select));
  EXPECT_TRUE(bench.dispatcher->submit(put).candidate);
  select.deny = {"("};
  EXPECT_FALSE(bench.dispatcher->apply(select));
  const http::Exchange again = exchange_of("PUT", "/a");
  EXPECT_TRUE(bench.dispatcher->submit(again).candidate);  // the good rules still hold
  select.deny = {};
  select.side_effects = {};
  select.ramp = Ramp{5, 100, 1h, 0.05};
  ASSERT_TRUE(bench.dispatcher->apply(select));
  EXPECT_NEAR(bench.dispatcher->effective_sample(), 5, 0.1);
  ASSERT_TRUE(bench.run_until_answers(2));
}

TEST(Targets, MirrorsWithoutACandidateGetTheWholeRequest) {
  std::mutex mutex;
  std::string seen;
  Imposter server([&](int descriptor, int) {
    const std::string request = read_request(descriptor);
    const std::lock_guard lock(mutex);
    seen = request;
    write_all(descriptor, ok_response("x"));
  });
  Bench bench;
  bench.select.methods = {"POST"};
  bench.add(Role::kMirror, server.url());
  bench.start();
  http::Exchange exchange = exchange_of("POST", "/");
  exchange.request.body = {"the body", 8, {}};
  const Submitted submitted = bench.dispatcher->submit(exchange);
  EXPECT_EQ(submitted.skipped, http::Skipped::kNoCandidate);
  EXPECT_EQ(submitted.mirrors, 1);
  exchange.request.body.bytes.clear();  // its owner is done with it
  ASSERT_TRUE(bench.run_until_answers(1));
  const http::Answer& answer = bench.sink.answer(exchange.id, Role::kMirror);
  EXPECT_TRUE(answer.ok());
  EXPECT_TRUE(answer.response.body.bytes.empty());
  const std::lock_guard lock(mutex);
  EXPECT_TRUE(seen.ends_with("the body"));
}

TEST(Targets, AResendGoesThroughTheSameDecision) {
  Imposter server(echo);
  Bench bench;
  bench.select.sample = 0;
  bench.add(Role::kCandidate, server.url());
  bench.start();
  http::Exchange exchange = exchange_of("GET", "/");
  EXPECT_EQ(bench.dispatcher->submit(exchange).skipped, http::Skipped::kSampled);
  EXPECT_TRUE(bench.dispatcher->resend(exchange).candidate);
  ASSERT_TRUE(bench.run_until_answers(1));
  EXPECT_EQ(error_of(bench, exchange), http::AnswerError::kNone);
  exchange.request.method = "DELETE";
  EXPECT_EQ(bench.dispatcher->resend(exchange).skipped, http::Skipped::kMethod);
}

}  // namespace
}  // namespace shadowtap::shadow::test
