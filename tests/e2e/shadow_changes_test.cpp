// How requests are sent, changed while some are on their way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "tests/e2e/shadow_fixture.h"

namespace shadowtap::shadow::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Answers nothing until it is told to; knows who came, in order.
class Patient {
 public:
  std::vector<std::string> came() const {
    const std::lock_guard lock(mutex_);
    return came_;
  }
  void answer_all() { answering_ = true; }
  void answer(const std::string& target) {
    const std::lock_guard lock(mutex_);
    answered_.insert(target);
  }
  std::string url() const { return imposter_.url(); }

 private:
  void serve(int descriptor) {
    for (std::string r = read_request(descriptor); !r.empty(); r = read_request(descriptor)) {
      const std::string target = r.substr(4, r.find(' ', 4) - 4);
      {
        const std::lock_guard lock(mutex_);
        came_.push_back(target);
      }
      while (!may_answer(target)) std::this_thread::sleep_for(1ms);
      write_all(descriptor, ok_response(""));
    }
  }

  bool may_answer(const std::string& target) const {
    const std::lock_guard lock(mutex_);
    return answering_ || over_ || answered_.contains(target);
  }

  struct Over {
    std::atomic<bool>& flag;
    ~Over() { flag = true; }
  };

  mutable std::mutex mutex_;
  std::vector<std::string> came_;
  std::set<std::string> answered_;
  std::atomic<bool> answering_{false};
  std::atomic<bool> over_{false};
  Imposter imposter_{[this](int descriptor, int) { serve(descriptor); }};
  Over end_{over_};  // before the imposter waits for its threads
};

struct Change {
  Patient server;
  Bench bench;
  std::deque<http::Exchange> sent;

  explicit Change(Order order, SendOn send = SendOn::kRequest, std::size_t concurrency = 64) {
    bench.dispatch.order = order;
    bench.dispatch.order_wait = 1min;  // no stall of this machine ends a wait
    bench.dispatch.send = send;
    TargetOptions& candidate = bench.add(Role::kCandidate, server.url());
    candidate.concurrency = concurrency;
    candidate.max_wait = candidate.timeout = candidate.first_byte_timeout = 1min;
    bench.start();
  }
  http::Exchange& get(const std::string& target, std::uint64_t connection) {
    sent.push_back(exchange_of("GET", target, connection));
    EXPECT_TRUE(bench.dispatcher->submit(sent.back()).candidate);
    return sent.back();
  }
  void original_ends(http::Exchange& exchange) {
    exchange.original.emplace().status = 200;
    exchange.response_last = Time::clock::now();
    bench.dispatcher->original_ended(exchange, true);
    std::this_thread::sleep_for(1ms);  // what comes now begins later
  }
  void apply(Order order, SendOn send = SendOn::kRequest) {
    bench.dispatch.order = order;
    bench.dispatch.send = send;
    bench.dispatcher->apply(bench.dispatch);
  }
  std::vector<std::string> come(std::size_t count) {
    bench.run_until([&] { return server.came().size() >= count; }, 5s);
    bench.run_until([] { return false; }, 50ms);  // nobody else
    return server.came();
  }
  void all_end_once() {
    server.answer_all();
    ASSERT_TRUE(bench.run_until_answers(sent.size()));
    bench.run_until([] { return false; }, 20ms);
    EXPECT_EQ(bench.sink.count(), sent.size());
    EXPECT_EQ(bench.sink.repeated, 0u);
    EXPECT_EQ(bench.dispatcher->status()[0].order_waits_cut, 0u);
  }
};

TEST(OrderChange, ToConnectionWaitsForWhatIsOnItsWay) {
  Change change(Order::kNone);
  change.get("/1", 7);
  EXPECT_THAT(change.come(1), ElementsAre("/1"));
  change.apply(Order::kConnection);
  change.get("/2", 7);
  change.get("/other", 8);
  EXPECT_THAT(change.come(2), ElementsAre("/1", "/other"));
  change.all_end_once();
  EXPECT_THAT(change.server.came(), ElementsAre("/1", "/other", "/2"));
}

TEST(OrderChange, ToNoneLetsGoWhatWaits) {
  Change change(Order::kConnection);
  for (const char* target : {"/1", "/2", "/3"}) change.get(target, 7);
  EXPECT_THAT(change.come(1), ElementsAre("/1"));
  change.apply(Order::kNone);
  EXPECT_EQ(change.come(3).size(), 3u);
  change.all_end_once();
}

TEST(OrderChange, ToHappensBeforeKnowsWhichOriginalsHadEnded) {
  Change change(Order::kConnection);
  http::Exchange& write = change.get("/write", 7);
  EXPECT_THAT(change.come(1), ElementsAre("/write"));
  change.original_ends(write);
  change.get("/same", 7);
  change.apply(Order::kHappensBefore);
  change.get("/read", 8);
  EXPECT_THAT(change.come(1), ElementsAre("/write"));
  change.all_end_once();
  EXPECT_EQ(change.server.came().size(), 3u);
}

TEST(OrderChange, WhatWaitsKeepsItsPlaceBetweenTheOthersOfItsConnection) {
  Change change(Order::kHappensBefore);
  http::Exchange& first = change.get("/1", 7);
  EXPECT_THAT(change.come(1), ElementsAre("/1"));
  change.original_ends(first);
  for (const char* target : {"/2", "/3", "/4"}) change.get(target, 7);
  change.apply(Order::kConnection);
  EXPECT_THAT(change.come(1), ElementsAre("/1"));
  change.all_end_once();
  EXPECT_THAT(change.server.came(), ElementsAre("/1", "/2", "/3", "/4"));
}

TEST(OrderChange, WhatIsQueuedForASlotHasNotGone) {
  Change change(Order::kNone, SendOn::kRequest, 2);
  for (const char* target : {"/a", "/b"}) change.get(target, target[1]);
  EXPECT_EQ(change.come(2).size(), 2u);
  for (const char* target : {"/1", "/2"}) change.get(target, 7);
  change.apply(Order::kConnection);
  change.server.answer("/a");
  change.server.answer("/b");
  EXPECT_EQ(change.come(3).size(), 3u) << "/2 waits for /1, not for a slot";
  EXPECT_EQ(change.server.came().back(), "/1");
  change.all_end_once();
}

TEST(OrderChange, AnyToAnyEndsEverythingOnce) {
  for (const Order from : {Order::kNone, Order::kConnection, Order::kHappensBefore}) {
    for (const Order to : {Order::kNone, Order::kConnection, Order::kHappensBefore}) {
      for (const SendOn send : {SendOn::kRequest, SendOn::kResponse}) {
        Change change(from, send);
        for (int i = 0; i < 6; ++i) change.get("/" + std::to_string(i), i % 3);
        for (int i = 0; i < 3; ++i) change.original_ends(change.sent[i]);
        change.apply(to, SendOn::kRequest);
        for (int i = 6; i < 9; ++i) change.get("/" + std::to_string(i), i % 3);
        for (int i = 3; i < 9; ++i) change.original_ends(change.sent[i]);
        change.all_end_once();
      }
    }
  }
}

TEST(SendChange, ToResponseHoldsForWhatComes) {
  Change change(Order::kNone);
  change.get("/1", 7);
  change.apply(Order::kNone, SendOn::kResponse);
  http::Exchange& second = change.get("/2", 7);
  EXPECT_THAT(change.come(1), ElementsAre("/1"));
  change.original_ends(second);
  EXPECT_THAT(change.come(2), ElementsAre("/1", "/2"));
  change.all_end_once();
}

TEST(SendChange, ToRequestLetsGoWhatWaitsForItsOriginalBeforeWhatComes) {
  Change change(Order::kConnection, SendOn::kResponse);
  for (const char* target : {"/1", "/2"}) change.get(target, 7);
  EXPECT_THAT(change.come(0), IsEmpty());
  change.apply(Order::kConnection, SendOn::kRequest);
  change.get("/3", 7);
  change.all_end_once();
  EXPECT_THAT(change.server.came(), ElementsAre("/1", "/2", "/3"));
  EXPECT_EQ(change.bench.dispatcher->status()[0].send_delay.count(), 1u) << "only /3 was sent as it came";
}

TEST(ExpiresChange, AnotherKnobDoesNotGiveItMoreTime) {
  Change change(Order::kNone);
  change.bench.dispatch.expires = 300ms;
  change.bench.dispatcher->apply(change.bench.dispatch);
  const Time began = Time::clock::now();
  while (!change.bench.dispatcher->sending_expired()) {
    change.bench.run_until([] { return false; }, 100ms);
    change.apply(change.bench.dispatch.order == Order::kNone ? Order::kConnection : Order::kNone);
    ASSERT_LT(Time::clock::now() - began, 5s);
  }
}

// Echoes the head, so that a test sees what was sent.
void show_head(int descriptor, int) {
  for (std::string r = read_request(descriptor); !r.empty(); r = read_request(descriptor)) {
    write_all(descriptor, ok_response(r));
  }
}

struct Shown {
  Imposter server{show_head};
  Bench bench;
  std::deque<http::Exchange> kept;

  void start() {
    bench.add(Role::kCandidate, server.url());
    bench.start();
  }
  std::string send(std::vector<std::pair<std::string, std::string>> headers) {
    http::Exchange& exchange = kept.emplace_back(exchange_of("GET", "/x"));
    for (const auto& [name, value] : headers) exchange.request.headers.append(name, value);
    const std::size_t before = bench.sink.count();
    bench.dispatcher->submit(exchange);
    EXPECT_TRUE(bench.run_until_answers(before + 1));
    const TargetOutcome* outcome = bench.sink.find(exchange.id);
    exchange.original.emplace().status = 200;
    bench.dispatcher->original_ended(exchange, true);
    if (outcome == nullptr) return "nothing";
    if (const auto* reason = std::get_if<http::NotComparable>(outcome)) return to_string(*reason);
    return std::get<http::Answer>(*outcome).response.body.bytes;
  }
};

TEST(TraceChange, HoldsOnTheNextRequest) {
  const std::string id = "00-11111111111111111111111111111111-2222222222222222-01";
  Shown shown;
  shown.bench.dispatch.trace = Trace::kKeep;
  shown.start();
  EXPECT_THAT(shown.send({{"traceparent", id}}), HasSubstr(id));
  shown.bench.dispatch.trace = Trace::kNew;
  shown.bench.dispatcher->apply(shown.bench.dispatch);
  EXPECT_THAT(shown.send({{"traceparent", id}}), AllOf(HasSubstr("traceparent: 00-"), Not(HasSubstr(id))));
  shown.bench.dispatch.trace = Trace::kDrop;
  shown.bench.dispatcher->apply(shown.bench.dispatch);
  EXPECT_THAT(shown.send({{"traceparent", id}}), Not(HasSubstr("traceparent")));
  EXPECT_EQ(shown.server.connections(), 1);
}

// Hands out a session of its own, and says which one it was sent.
TEST(AliasChange, AnAddedRuleKeepsSessionsAndARemovedOneEndsThem) {
  Imposter server([](int descriptor, int) {
    for (std::string r = read_request(descriptor); !r.empty(); r = read_request(descriptor)) {
      write_all(descriptor, ok_response(header_of(r, "cookie"), "Set-Cookie: sid=own-session\r\n"));
    }
  });
  Bench bench;
  bench.dispatch.aliases = {{"sid", ""}};
  bench.add(Role::kCandidate, server.url());
  bench.start();
  std::deque<http::Exchange> kept;
  const auto sent = [&](bool hand_out) {
    http::Exchange& exchange = kept.emplace_back(exchange_of("GET", "/"));
    exchange.request.headers.append("Cookie", "sid=the-original");
    const std::size_t before = bench.sink.count();
    bench.dispatcher->submit(exchange);
    EXPECT_TRUE(bench.run_until_answers(before + 1));
    exchange.original.emplace().status = 200;
    if (hand_out) exchange.original->headers.append("Set-Cookie", "sid=the-original");
    bench.dispatcher->original_ended(exchange, true);
    return bench.sink.answer(exchange.id).response.body.bytes;
  };
  EXPECT_EQ(sent(true), "sid=the-original");
  EXPECT_EQ(sent(false), "sid=own-session");
  bench.dispatch.aliases = {{"", "$.token"}, {"sid", ""}};
  bench.dispatcher->apply(bench.dispatch);
  EXPECT_EQ(sent(false), "sid=own-session");
  bench.dispatch.aliases = {{"", "$.token"}};
  bench.dispatcher->apply(bench.dispatch);
  EXPECT_EQ(sent(true), "sid=the-original");
  EXPECT_EQ(sent(true), "sid=the-original");
  bench.dispatch.aliases = {{"sid", ""}};
  bench.dispatcher->apply(bench.dispatch);
  EXPECT_EQ(sent(true), "sid=the-original");
  EXPECT_EQ(sent(false), "sid=own-session");
}

TEST(AliasChange, ALoginUnderWayIsLearnedAllTheSame) {
  Imposter server([](int descriptor, int) {
    for (std::string r = read_request(descriptor); !r.empty(); r = read_request(descriptor)) {
      std::this_thread::sleep_for(200ms);
      write_all(descriptor, ok_response(header_of(r, "cookie"), "Set-Cookie: sid=own-session\r\n"));
    }
  });
  Bench bench;
  bench.dispatch.aliases = {{"sid", ""}};
  bench.add(Role::kCandidate, server.url());
  bench.start();
  http::Exchange login = exchange_of("GET", "/login");
  bench.dispatcher->submit(login);
  login.original.emplace().status = 200;
  login.original->headers.append("Set-Cookie", "sid=the-original");
  bench.dispatcher->original_ended(login, true);
  bench.dispatch.aliases = {{"sid", ""}, {"", "$.token"}, {"sid", ""}};  // twice: no harm
  bench.dispatcher->apply(bench.dispatch);
  ASSERT_TRUE(bench.run_until_answers(1));
  http::Exchange next = exchange_of("GET", "/next");
  next.request.headers.append("Cookie", "sid=the-original");
  bench.dispatcher->submit(next);
  ASSERT_TRUE(bench.run_until_answers(2));
  EXPECT_EQ(bench.sink.answer(next.id).response.body.bytes, "sid=own-session");
}

// Passes everything on, with its mark; not to be moved by a request to end.
constexpr const char* kStubborn = R"(
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1] + '/pid-' + sys.argv[2], 'w').write(str(os.getpid()))
try:
    for line in sys.stdin:
        meta, http = bytes.fromhex(line.strip()).split(b'\n', 1)
        if meta[:1] != b'1': open(sys.argv[1] + '/told-' + sys.argv[2], 'a').write(meta.decode() + '\n')
        if sys.argv[2] == 'silent': continue
        http = http.replace(b'\r\n', b'\r\nX-Through: ' + sys.argv[2].encode() + b'\r\n', 1)
        sys.stdout.write((meta + b'\n' + http).hex() + '\n')
        sys.stdout.flush()
except OSError: pass
while True: signal.pause()
)";

// Gone, or nobody's concern any more but init's.
bool is_over(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(stat), {}};
  return text.empty() || text.find(") Z ") != std::string::npos;
}

class MiddlewareChange : public ::testing::Test {
 protected:
  MiddlewareChange() {
    files_.write("m.py", kStubborn);
    shown_.bench.dispatch.middleware_timeout = 5s;
  }
  void apply(const std::string& name) {
    const std::string directory = files_.directory();
    // The shell stays between us and the program.
    std::string command = "python3 " + directory + "/m.py " + directory + " " + name + "; true";
    shown_.bench.dispatch.middleware = name.empty() ? "" : command;
    shown_.bench.dispatcher->apply(shown_.bench.dispatch);
  }
  std::string file(const std::string& name) const {
    std::ifstream in(files_.directory() + "/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool ends(const std::string& name) {
    const int pid = std::stoi(file("pid-" + name));
    return shown_.bench.run_until([&] { return is_over(pid); });
  }
  std::string send() { return shown_.send({}); }

  Program files_;
  Shown shown_;
};

TEST_F(MiddlewareChange, OneIsAddedReplacedAndTakenAway) {
  const auto untouched = AllOf(HasSubstr("GET /x HTTP/1.1"), Not(HasSubstr("X-Through")));
  shown_.start();
  EXPECT_THAT(send(), untouched);
  EXPECT_FALSE(shown_.bench.dispatcher->middleware());
  apply("one");
  EXPECT_THAT(send(), HasSubstr("X-Through: one"));
  apply("two");
  EXPECT_THAT(send(), HasSubstr("X-Through: two"));
  EXPECT_EQ(shown_.bench.dispatcher->middleware()->starts, 2u);
  EXPECT_TRUE(ends("one"));
  apply("");
  EXPECT_THAT(send(), untouched);
  EXPECT_FALSE(shown_.bench.dispatcher->middleware());
  EXPECT_TRUE(ends("two"));
}

TEST_F(MiddlewareChange, WhatWaitsForTheOneBeforeIsDroppedNotSentAsItWas) {
  shown_.start();
  apply("silent");
  ASSERT_TRUE(shown_.bench.run_until([&] { return !file("pid-silent").empty(); }));
  http::Exchange waiting = exchange_of("GET", "/waiting");
  EXPECT_TRUE(shown_.bench.dispatcher->submit(waiting).candidate);
  apply("after");
  ASSERT_TRUE(shown_.bench.run_until_answers(1));
  EXPECT_EQ(std::get<http::NotComparable>(*shown_.bench.sink.find(waiting.id)),
            http::NotComparable::kMiddleware);
  EXPECT_EQ(shown_.bench.dispatcher->middleware()->dropped, 1u);
  waiting.original.emplace().status = 200;
  shown_.bench.dispatcher->original_ended(waiting, true);
  EXPECT_THAT(send(), HasSubstr("X-Through: after"));
}

TEST_F(MiddlewareChange, ANewOneIsToldNothingOfWhatItWasNotShown) {
  Patient patient;
  shown_.bench.add(Role::kCandidate, patient.url());
  shown_.bench.start();
  apply("first");
  http::Exchange exchange = exchange_of("GET", "/early");
  EXPECT_TRUE(shown_.bench.dispatcher->submit(exchange).candidate);
  ASSERT_TRUE(shown_.bench.run_until([&] { return !patient.came().empty(); }));
  apply("second");
  exchange.original.emplace().status = 200;
  shown_.bench.dispatcher->original_ended(exchange, true);
  patient.answer_all();
  ASSERT_TRUE(shown_.bench.run_until_answers(1));
  EXPECT_TRUE(shown_.bench.sink.answer(exchange.id).ok());
  http::Exchange later = exchange_of("GET", "/later");
  EXPECT_TRUE(shown_.bench.dispatcher->submit(later).candidate);
  ASSERT_TRUE(shown_.bench.run_until_answers(2));
  later.original.emplace().status = 200;
  shown_.bench.dispatcher->original_ended(later, true);
  char id[25];
  std::snprintf(id, sizeof id, "%024llx", static_cast<unsigned long long>(later.id));
  ASSERT_TRUE(shown_.bench.run_until([&] { return file("told-second").find("\n3 ") != std::string::npos; }));
  EXPECT_THAT(file("told-second"), AllOf(HasSubstr(std::string("2 ") + id), HasSubstr(std::string("3 ") + id)));
  std::snprintf(id, sizeof id, "%024llx", static_cast<unsigned long long>(exchange.id));
  EXPECT_THAT(file("told-second"), Not(HasSubstr(id)));
}

}  // namespace
}  // namespace shadowtap::shadow::test
