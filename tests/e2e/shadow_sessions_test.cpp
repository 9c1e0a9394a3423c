// What needs two answers to work: session aliases, redirects, the middleware.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <mutex>
#include <thread>

#include "agent/shadow/aliases.h"
#include "tests/e2e/shadow_fixture.h"

namespace shadowtap::shadow::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

http::Response response_of(int status, std::vector<std::pair<std::string, std::string>> headers,
                           std::string body = "") {
  http::Response response;
  response.status = status;
  for (const auto& [name, value] : headers) response.headers.append(name, value);
  response.body = {body, body.size(), {}};
  return response;
}

TEST(Aliases, FindWhatAResponseHandsOut) {
  const std::vector<SessionAlias> rules{{"sid", ""}, {"", "$.auth.tokens[1]"}, {"", "$.none"}};
  const HandedOut values =
      handed_out(response_of(200, {{"Set-Cookie", "a=b"}, {"set-cookie", "sid=xyz; Path=/"}},
                             R"({"auth":{"tokens":["no","tok-12345678"]}})"),
                 rules);
  EXPECT_EQ(values, (HandedOut{"xyz", "tok-12345678", std::nullopt}));
}

TEST(Aliases, ExchangeValuesWhereverTheyStand) {
  const std::vector<SessionAlias> rules{{"sid", ""}, {"", "$.token"}};
  AliasTable table(rules);
  table.learn({"s1", "original-token-1"}, {"s2", "own-1"});
  table.learn({std::nullopt, "original-token-12"}, {"x", "own-12"});
  table.learn({"same", std::nullopt}, {"same", "x"});
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(table.apply_cookies("a=s1; sid=s1; t=original-token-1"), "a=s1; sid=s2; t=own-1");
  EXPECT_EQ(table.apply("Bearer original-token-12,original-token-1!"), "Bearer own-12,own-1!");
  EXPECT_EQ(table.apply("s1"), "s1");
}

TEST(Aliases, WhatCouldChangeTheRestOfARequestIsNotLearned) {
  const std::vector<SessionAlias> rules{{"", "$.token"}};
  AliasTable table(rules);
  for (const char* own : {"x\r\nX-Evil: 1", "a b", "a\"b", "a;b", "a&_method=DELETE", "a?b", "a#b",
                          "\xff", "a\\b"}) {
    table.learn({"original-token"}, {own});
    EXPECT_TRUE(table.empty()) << own;
  }
  table.learn({"original-token"}, {"own/token+with=all~of.it"});
  EXPECT_EQ(table.size(), 1u);
}

// A target that hands out a path as its token must not get its later requests steered there.
TEST(Aliases, AnExchangedValueMustNotLeadWhereNothingMayGo) {
  std::mutex mutex;
  std::vector<std::string> seen;
  Imposter server([&](int descriptor, int) {
    for (std::string r = read_request(descriptor); !r.empty(); r = read_request(descriptor)) {
      {
        const std::lock_guard lock(mutex);
        seen.push_back(r.substr(0, r.find('\r')));
      }
      write_all(descriptor, ok_response(R"({"token":"../account/logout"})"));
    }
  });
  Bench bench;
  bench.dispatch.aliases = {{"", "$.token"}};
  bench.add(Role::kCandidate, server.url());
  bench.start();
  http::Exchange first = exchange_of("GET", "/token");
  bench.dispatcher->submit(first);
  ASSERT_TRUE(bench.run_until_answers(1));
  first.original = response_of(200, {}, R"({"token":"original-token"})");
  bench.dispatcher->original_ended(first, true);
  const http::Exchange next = exchange_of("GET", "/files/original-token");
  EXPECT_TRUE(bench.dispatcher->submit(next).candidate);
  ASSERT_TRUE(bench.run_until_answers(2));
  EXPECT_EQ(std::get<http::Skipped>(*bench.sink.find(next.id)), http::Skipped::kPath);
  EXPECT_EQ(bench.limits.in_flight(), 0);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(seen, (std::vector<std::string>{"GET /token HTTP/1.1"}));
}

TEST(Aliases, ForgetTheOldest) {
  const std::vector<SessionAlias> rules{{"sid", ""}};
  AliasTable table(rules);
  for (std::size_t i = 0; i < AliasTable::kMaxPairs + 10; ++i) {
    table.learn({"original-" + std::to_string(i)}, {"own-" + std::to_string(i)});
  }
  EXPECT_EQ(table.size(), AliasTable::kMaxPairs);
  EXPECT_EQ(table.apply_cookies("sid=original-3"), "sid=original-3");
  EXPECT_EQ(table.apply_cookies("sid=original-4000"), "sid=own-4000");
}

// A service with logins: /login hands out a session, everything else wants one.
struct LoginServer {
  std::string prefix;
  void operator()(int descriptor, int) const {
    for (std::string r = read_request(descriptor); !r.empty(); r = read_request(descriptor)) {
      if (r.starts_with("POST /login")) {
        write_all(descriptor, ok_response(R"({"token":")" + prefix + R"(-token-7777"})",
                                          "Set-Cookie: sid=" + prefix + "1; HttpOnly\r\n"));
      } else {
        const bool cookie = header_of(r, "cookie") == "sid=" + prefix + "1";
        const bool token = header_of(r, "authorization") == "Bearer " + prefix + "-token-7777";
        write_all(descriptor, ok_response(cookie && token ? "welcome" : "who are you"));
      }
    }
  }
};

TEST(Aliases, ALoggedInFlowIsShadowed) {
  Imposter candidate(LoginServer{"cand"});
  Imposter secondary(LoginServer{"secd"});
  Bench bench;
  bench.select.methods = {"GET", "POST"};
  bench.dispatch.aliases = {{"sid", ""}, {"", "$.token"}};
  bench.add(Role::kCandidate, candidate.url());
  bench.add(Role::kSecondary, secondary.url());
  bench.start();
  http::Exchange login = exchange_of("POST", "/login");
  bench.dispatcher->submit(login);
  ASSERT_TRUE(bench.run_until_answers(2));
  login.original =
      response_of(200, {{"Set-Cookie", "sid=orig1"}}, R"({"token":"orig-token-7777"})");
  bench.dispatcher->original_ended(login, true);

  http::Exchange next = exchange_of("GET", "/me");
  next.request.headers.append("Cookie", "sid=orig1");
  next.request.headers.append("Authorization", "Bearer orig-token-7777");
  bench.dispatcher->submit(next);
  ASSERT_TRUE(bench.run_until_answers(4));
  EXPECT_EQ(bench.sink.answer(next.id).response.body.bytes, "welcome");
  EXPECT_EQ(bench.sink.answer(next.id, Role::kSecondary).response.body.bytes, "welcome");
}

void redirecting(int descriptor, int) {
  for (std::string r = read_request(descriptor); !r.empty(); r = read_request(descriptor)) {
    const auto to = [&](const std::string& where) {
      write_all(descriptor,
                "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + where + "\r\n\r\n");
    };
    if (r.starts_with("GET /a ")) {
      to("/b?x=1");
    } else if (r.starts_with("GET /b?x=1 ")) {
      to("http://shop.example/c/d");
    } else if (r.starts_with("GET /c/d ")) {
      to("e");
    } else if (r.starts_with("GET /out ")) {
      to("http://elsewhere.example/");
    } else if (r.starts_with("GET /danger ")) {
      to("/logout");
    } else {
      write_all(descriptor, ok_response(r.substr(0, r.find('\r'))));
    }
  }
}

TEST(Redirects, AreComparedNotFollowedUnlessAsked) {
  Imposter server(redirecting);
  struct Case {
    const char* target;
    std::uint32_t limit;
    int status;
    const char* body;
  };
  const Case cases[] = {{"/a", 0, 302, ""},
                        {"/a", 2, 302, ""},
                        {"/a", 3, 200, "GET /c/e HTTP/1.1"},
                        {"/out", 3, 302, ""},
                        {"/danger", 3, 302, ""}};
  for (const Case& c : cases) {
    Bench bench;
    bench.add(Role::kCandidate, server.url()).follow_redirects = c.limit;
    bench.start();
    const http::Exchange exchange = exchange_of("GET", c.target);
    bench.dispatcher->submit(exchange);
    ASSERT_TRUE(bench.run_until_answers(1));
    EXPECT_EQ(bench.sink.answer(exchange.id).response.status, c.status) << c.target << c.limit;
    EXPECT_EQ(bench.sink.answer(exchange.id).response.body.bytes, c.body);
  }
}

// Each step is a request at the target; one that may not be made leaves nothing to compare.
TEST(Redirects, CountAgainstTheRates) {
  Imposter server(redirecting);
  for (const bool shared : {false, true}) {
    Bench bench;
    TargetOptions& candidate = bench.add(Role::kCandidate, server.url());
    candidate.follow_redirects = 3;
    if (shared) bench.limits.set({.rate = 1});
    if (!shared) candidate.rate = 1;
    bench.start();
    const http::Exchange exchange = exchange_of("GET", "/a");
    bench.dispatcher->submit(exchange);
    ASSERT_TRUE(bench.run_until_answers(1));
    const TargetOutcome* outcome = bench.sink.find(exchange.id);
    ASSERT_TRUE(std::holds_alternative<http::Refused>(*outcome)) << shared;
    EXPECT_EQ(std::get<http::Refused>(*outcome), http::Refused::kRate);
    const TargetStatus status = bench.dispatcher->status()[0];
    EXPECT_EQ(status.refused[static_cast<std::size_t>(http::Refused::kRate)], 1u);
    EXPECT_EQ(status.in_flight, 0u);
    EXPECT_EQ(bench.limits.in_flight(), 0);
  }
}

// The rule allows a GET with an override of one path; a redirect must not take it elsewhere.
TEST(Redirects, DoNotCarryAnotherMethodToAnotherPath) {
  std::atomic<int> elsewhere{0};
  Imposter server([&](int descriptor, int) {
    for (std::string r = read_request(descriptor); !r.empty(); r = read_request(descriptor)) {
      elsewhere += r.starts_with("GET /orders");
      write_all(descriptor, "HTTP/1.1 307 No\r\nContent-Length: 0\r\nLocation: /orders\r\n\r\n");
    }
  });
  Bench bench;
  bench.select.side_effects = {{{"POST"}, "^/search$"}};
  bench.add(Role::kCandidate, server.url()).follow_redirects = 3;
  bench.start();
  http::Exchange exchange = exchange_of("GET", "/search");
  exchange.request.headers.append("X-HTTP-Method-Override", "POST");
  EXPECT_TRUE(bench.dispatcher->submit(exchange).candidate);
  ASSERT_TRUE(bench.run_until_answers(1));
  EXPECT_EQ(bench.sink.answer(exchange.id).response.status, 307);
  EXPECT_EQ(elsewhere, 0);
}

// Changes /change, drops /drop, turns /unsafe into a DELETE, dies at /die, and writes all
// that it sees to a file.
constexpr const char* kMiddleware = R"(
import sys, os
log = open(sys.argv[1], 'a', buffering=1)
for line in sys.stdin:
    meta, http = bytes.fromhex(line.strip()).split(b'\n', 1)
    kind, ident = meta.split(b' ')[:2]
    first = http.split(b'\r\n', 1)[0]
    log.write('%s %s %s\n' % (kind.decode(), ident.decode(), first.decode()))
    if kind == b'1':
        if b' /die' in first: os._exit(1)
        if b' /drop' in first: continue
        http = http.replace(b' /change', b' /changed').replace(b'GET /unsafe', b'DELETE /unsafe')
    sys.stdout.write((meta + b'\n' + http).hex() + '\n')
    sys.stdout.flush()
)";

struct WithMiddleware {
  Imposter server{echo};
  Program files;
  Bench bench;

  void start(const std::string& command) {
    bench.dispatch.middleware = command;
    bench.dispatch.middleware_timeout = 2s;
    bench.add(Role::kCandidate, server.url());
    bench.start();
  }
  void start_python() {
    files.write("m.py", kMiddleware);
    start("exec python3 " + files.directory() + "/m.py " + files.directory() +
          "/log 2>/dev/null");
    std::string warm;  // the interpreter takes its time
    for (int i = 0; i < 20 && warm != "GET /warm HTTP/1.1"; ++i) warm = get("/warm");
    ASSERT_EQ(warm, "GET /warm HTTP/1.1");
  }
  TargetOutcome one(http::Exchange& exchange) {
    const std::size_t before = bench.sink.count();
    EXPECT_TRUE(bench.dispatcher->submit(exchange).candidate);
    EXPECT_TRUE(bench.run_until_answers(before + 1));
    const TargetOutcome* outcome = bench.sink.find(exchange.id);
    return outcome == nullptr ? TargetOutcome(http::NotComparable::kCount_) : *outcome;
  }
  std::string get(const std::string& target) {
    http::Exchange exchange = exchange_of("GET", target);
    const TargetOutcome outcome = one(exchange);
    exchange.original = response_of(200, {}, "the original");
    bench.dispatcher->original_ended(exchange, true);
    if (const auto* reason = std::get_if<http::NotComparable>(&outcome))
      return to_string(*reason);
    const auto* answer = std::get_if<http::Answer>(&outcome);
    return answer == nullptr ? "refused" : answer->response.body.bytes;
  }
};

TEST(Middleware, ChangesAndDropsRequestsAndSeesAnswers) {
  WithMiddleware with;
  ASSERT_NO_FATAL_FAILURE(with.start_python());
  EXPECT_EQ(with.get("/x"), "GET /x HTTP/1.1");
  EXPECT_EQ(with.get("/change"), "GET /changed HTTP/1.1");
  const std::uint64_t dropped = with.bench.dispatcher->middleware()->dropped;
  EXPECT_EQ(with.get("/drop"), "middleware");
  EXPECT_EQ(with.get("/unsafe"), "middleware");  // the filter has the last word
  EXPECT_EQ(with.bench.dispatcher->middleware()->dropped, dropped + 1);
  EXPECT_EQ(with.bench.dispatcher->middleware()->refused_changes, 1u);
  const auto log = [&] {
    std::ifstream file(with.files.directory() + "/log");
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_TRUE(with.bench.run_until([&] {
    const std::string text = log();
    return text.find("2 ") != std::string::npos && text.find("3 ") != std::string::npos;
  }));
  EXPECT_THAT(log(), HasSubstr("HTTP/1.1 200"));
}

TEST(Middleware, ItsDeathIsCountedAndItIsStartedAgain) {
  WithMiddleware with;
  ASSERT_NO_FATAL_FAILURE(with.start_python());
  EXPECT_EQ(with.get("/die"), "middleware");
  EXPECT_EQ(with.get("/while-it-is-gone"), "middleware");
  EXPECT_FALSE(with.bench.dispatcher->middleware()->running);
  EXPECT_TRUE(
      with.bench.run_until([&] { return with.bench.dispatcher->middleware()->running; }));
  std::string after;
  for (int i = 0; i < 20 && after != "GET /after HTTP/1.1"; ++i) after = with.get("/after");
  EXPECT_EQ(after, "GET /after HTTP/1.1");
  EXPECT_EQ(with.bench.dispatcher->middleware()->starts, 2u);
}

TEST(Middleware, AStallHoldsNothingUp) {
  WithMiddleware with;
  with.start("exec sleep 1000");
  std::deque<http::Exchange> exchanges;
  for (std::uint64_t i = 0; i < 300; ++i) {
    exchanges.push_back(exchange_of("POST", "/", i));
    exchanges.back().request.method = "GET";
    exchanges.back().request.body.bytes.assign(100000, 'b');
    exchanges.back().request.body.size = 100000;
    const Time before = Time::clock::now();
    with.bench.dispatcher->submit(exchanges.back());
    EXPECT_LT(Time::clock::now() - before, 2s);  // it would be held up for 1000 s
  }
  ASSERT_TRUE(with.bench.run_until_answers(300));
  EXPECT_EQ(with.bench.dispatcher->middleware()->dropped, 300u);
}

TEST(Middleware, WhatItWithholdsIsCountedOnEachTarget) {
  Imposter server(echo);
  Bench bench;
  bench.dispatch.middleware = "exec sleep 1000";
  bench.dispatch.middleware_timeout = 50ms;
  for (const Role role : {Role::kCandidate, Role::kSecondary, Role::kMirror}) {
    bench.add(role, server.url());
  }
  bench.start();
  std::deque<http::Exchange> exchanges;
  for (std::uint64_t i = 0; i < 5; ++i) {
    exchanges.push_back(exchange_of("GET", "/", i));
    EXPECT_EQ(bench.dispatcher->submit(exchanges.back()).answers(), 3u);
  }
  ASSERT_TRUE(bench.run_until_answers(15));
  ASSERT_EQ(bench.dispatcher->status().size(), 3u);
  for (const TargetStatus& status : bench.dispatcher->status()) {
    EXPECT_EQ(status.withdrawn, 5u) << status.name;
  }
  EXPECT_EQ(bench.dispatcher->middleware()->dropped, 5u);
  EXPECT_EQ(bench.sink.repeated, 0u);
}

TEST(Middleware, ItsDeathIsCountedWhereThereAreOnlyMirrors) {
  Imposter server(echo);
  Bench bench;
  bench.dispatch.middleware = "exit 1";
  bench.add(Role::kMirror, server.url());
  bench.start();
  EXPECT_TRUE(bench.run_until([&] { return !bench.dispatcher->middleware()->running; }));
  std::deque<http::Exchange> exchanges;
  for (std::uint64_t i = 0; i < 3; ++i) {
    exchanges.push_back(exchange_of("GET", "/", i));
    EXPECT_EQ(bench.dispatcher->submit(exchanges.back()).mirrors, 1u);
  }
  ASSERT_TRUE(bench.run_until_answers(3));
  for (const http::Exchange& exchange : exchanges) {
    EXPECT_EQ(std::get<http::NotComparable>(*bench.sink.find(exchange.id, Role::kMirror)),
              http::NotComparable::kMiddleware);
  }
  EXPECT_EQ(bench.dispatcher->status()[0].withdrawn, 3u);
  EXPECT_EQ(bench.dispatcher->middleware()->dropped, 3u);
}

// Its time-out comes after the stop has ended them.
TEST(Middleware, WhatAStopEndedIsNotEndedAgain) {
  Imposter server(echo);
  Bench bench;
  bench.dispatch.middleware = "exec sleep 1000";
  bench.dispatch.middleware_timeout = 50ms;
  bench.add(Role::kCandidate, server.url());
  bench.add(Role::kMirror, server.url());
  bench.start();
  const http::Exchange exchange = exchange_of("GET", "/");
  EXPECT_EQ(bench.dispatcher->submit(exchange).answers(), 2u);
  bench.dispatcher->stop();
  EXPECT_EQ(bench.sink.count(), 2u);
  bench.run_until([] { return false; }, 150ms);
  EXPECT_EQ(bench.sink.count(), 2u);
  EXPECT_EQ(bench.dispatcher->status()[0].withdrawn, 1u);
}

// The package people have: goreplay_middleware from npm.
TEST(Middleware, WorksWithTheNpmPackage) {
  WithMiddleware with;
  const std::string& directory = with.files.directory();
  if (!with.files.run({"npm", "--version"})) {
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string(ci) == "true") FAIL() << "npm is needed (CI=true)";
    GTEST_SKIP() << "there is no npm";
  }
  if (!with.files.run({"npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix",
                       directory, "goreplay_middleware@1.0.0"})) {
    GTEST_SKIP() << "npm cannot install goreplay_middleware here";
  }
  with.files.write("gor.js", R"(
const gor = require('goreplay_middleware');
const fs = require('fs');
gor.init();
gor.on('request', req => {
  if (gor.httpPath(req.http) == '/drop') return;
  gor.searchResponses(req.ID, 'the(\\W\\w+)', (original, replay) => {
    fs.appendFileSync(process.argv[2], `${original} ${replay}\n`);
  });
  req.http = gor.setHttpHeader(req.http, 'X-Changed', 'yes');
  req.http = gor.setHttpPath(req.http, '/the/new/path');
  return req;
});
)");
  with.start("exec node " + directory + "/gor.js " + directory + "/found");
  std::string first;
  for (int i = 0; i < 20 && first != "GET /the/new/path HTTP/1.1"; ++i) first = with.get("/x");
  EXPECT_EQ(first, "GET /the/new/path HTTP/1.1");
  EXPECT_EQ(with.get("/drop"), "middleware");
  EXPECT_TRUE(with.bench.run_until([&] {
    std::ifstream file(directory + "/found");
    return std::string(std::istreambuf_iterator<char>(file), {}).find(" original /new") !=
           std::string::npos;
  }));
}

}  // namespace
}  // namespace shadowtap::shadow::test
