// Clients and servers that would have the wrong answer told for a request: each may cost
// exchanges, none may give a wrong pair.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "tests/support/recorder.h"
#include "tests/support/wire.h"

namespace shadowtap::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSubsetOf;

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n";
}
std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::vector<std::string> lines(const std::vector<Packet>& packets) {
  Recorder sink;
  run(packets, sink);
  return sink.lines();
}

std::vector<std::string> pairs(const std::vector<Packet>& packets) {
  std::vector<std::string> told = lines(packets);
  std::erase_if(told, [](const std::string& line) { return line.find(" -> ") == std::string::npos; });
  return told;
}

// The server sent its last write before anything of the client's last write had arrived.
void crossed(Wire& wire, std::size_t client_bytes) {
  for (std::size_t i = wire.packets.size(); i-- > 0;) {
    Packet& packet = wire.packets[i];
    if (packet.payload.empty()) continue;
    if (packet.fields.direction == net::Direction::kToServer) return;
    packet.fields.acknowledgment -= static_cast<std::uint32_t>(client_bytes);
  }
}

TEST(Hostile, ATimeOutThatCrossedTheRequestIsNotItsAnswer) {
  Wire wire;
  wire.handshake().client(get("/a")).server(ok("A"));
  wire.client(get("/b")).server("HTTP/1.1 408 Request Time-out\r\nConnection: close\r\n\r\n");
  crossed(wire, get("/b").size());
  wire.server_fin().client_fin();
  EXPECT_THAT(lines(wire.packets),
              ElementsAre("GET /a -> 200 [A]", "GET /b lost: an answer nobody asked for"));
}

// A line break behind a body, which its length does not count, begins no request.
TEST(Hostile, ATimeOutThatCrossedTheRequestBehindALineBreakIsNotItsAnswer) {
  const std::string post = "POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nab";
  for (const bool separate : {false, true}) {
    Wire wire;
    wire.handshake().client(separate ? post : post + "\r\n").server(ok("A"));
    if (separate) wire.client("\r\n");
    wire.client(get("/b")).server("HTTP/1.1 408 Request Time-out\r\nConnection: close\r\n\r\n");
    crossed(wire, get("/b").size());
    wire.server_fin().client_fin();
    EXPECT_THAT(lines(wire.packets), ElementsAre("POST /a {ab} -> 200 [A]",
                                                 "GET /b lost: an answer nobody asked for"));
  }
}

TEST(Hostile, AHoleThatSwallowedTheBeginningOfARequestShowsPipelining) {
  const std::string post = "POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234";
  Wire wire;
  wire.handshake().client(post);
  const std::size_t victim = wire.packets.size();
  wire.client("56789" + get("/x")).server(ok("A"));
  wire.packets.erase(wire.packets.begin() + static_cast<long>(victim));
  wire.client(get("/b")).server(ok("X")).client(get("/c")).server(ok("B"));
  wire.client(get("/d")).server(ok("C")).fins();
  EXPECT_THAT(pairs(wire.packets), ElementsAre());
}

// Behind an answer without a body, and behind the announced length: the server's own
// bytes, before any other request.
TEST(Hostile, WhatStandsBehindAnAnswerIsNotTheNextOne) {
  const std::string beginnings[] = {
      "HEAD /a HTTP/1.1\r\n\r\n" , "GET /a HTTP/1.1\r\n\r\n"};
  for (const std::string& request : beginnings) {
    for (const bool separate : {false, true}) {
      const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: " +
                                 std::string(request[0] == 'H' ? "9" : "0") + "\r\n\r\n";
      Wire wire;
      wire.handshake().client(request);
      separate ? wire.server(answer).server(ok("X")) : wire.server(answer + ok("X"));
      wire.client(get("/b")).server(ok("B")).client(get("/c")).server(ok("C")).fins();
      EXPECT_THAT(lines(wire.packets),
                  ElementsAre(request.substr(0, request.find(" HTTP")) + " -> 200 []",
                              "GET /b -> 200 [B]", "GET /c -> 200 [C]"));
    }
  }
}

// The head of an upload is lost; its body, sent after 100, looks like a request.
TEST(Hostile, ABodyThatWaitedForContinueIsNoRequest) {
  const std::string trap = get("/trap");
  const std::string head = "POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: " +
                           std::to_string(trap.size()) + "\r\n\r\n";
  for (int lost = 0; lost < 4; ++lost) {  // nothing, the head, the 100, both
    Wire wire;
    wire.handshake().client(get("/z")).server(ok("Z"));
    const std::size_t first = wire.packets.size();
    wire.client(head).server("HTTP/1.1 100 Continue\r\n\r\n");
    if ((lost & 2) != 0) wire.packets.erase(wire.packets.begin() + static_cast<long>(first) + 2);
    if ((lost & 1) != 0) wire.packets.erase(wire.packets.begin() + static_cast<long>(first));
    wire.wait(std::chrono::seconds(5));
    wire.client(trap).server(ok("A"));
    for (const char* next : {"/b", "/c", "/d", "/e"}) {
      wire.client(get(next)).server(ok(next)).wait(std::chrono::seconds(2));
    }
    EXPECT_THAT(pairs(wire.packets),
                IsSubsetOf({std::string("GET /z -> 200 [Z]"), "POST /a {" + trap + "} -> 200 [A]",
                            std::string("GET /b -> 200 [/b]"), std::string("GET /c -> 200 [/c]"),
                            std::string("GET /d -> 200 [/d]"), std::string("GET /e -> 200 [/e]")}))
        << lost;
    EXPECT_THAT(pairs(wire.packets), ::testing::Contains("GET /e -> 200 [/e]")) << lost;
  }
}

// The client sends the body although its expectation was refused, and makes it swallow the
// head of the next request.
TEST(Hostile, JoinedBehindAContinueABodyIsNoRequest) {
  for (const std::size_t mss : {1460U, 17U, 1U}) {
    Wire wire;
    wire.mss = mss;
    wire.client("PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n");
    wire.packets.clear();
    wire.server("HTTP/1.1 100 Continue\r\n\r\n").client(get("/trap")).server(ok("A"));
    wire.client(get("/b")).server(ok("B")).client(get("/c")).server(ok("C"));
    EXPECT_THAT(pairs(wire.packets), ElementsAre("GET /b -> 200 [B]", "GET /c -> 200 [C]")) << mss;
    for (const std::string& line : lines(wire.packets)) EXPECT_EQ(line.find("/trap"), line.npos) << mss;
  }
}

TEST(Hostile, ABodyBehindARefusedExpectationIsNoRequest) {
  const std::string trap = "GET /trap HTTP/1.1\r\nX: ";
  Wire wire;
  wire.handshake().client("POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: " +
                          std::to_string(trap.size()) + "\r\n\r\n");
  wire.server("HTTP/1.1 413 Big\r\nContent-Length: 0\r\n\r\n");
  wire.client(trap);
  for (const char* next : {"/b", "/c", "/d"}) wire.client(get(next)).server(ok(next));
  EXPECT_THAT(pairs(wire.packets), IsSubsetOf({"GET /b -> 200 [/b]", "GET /c -> 200 [/c]",
                                               "GET /d -> 200 [/d]"}));
}

// A stalled upload, part of which was lost, goes on with bytes that look like a request.
TEST(Hostile, AnUploadThatStalledIsNoRequest) {
  Wire wire;
  wire.handshake().client("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::size_t victim = wire.packets.size();
  wire.client("400\r\n");
  wire.packets.erase(wire.packets.begin() + static_cast<long>(victim));
  wire.wait(std::chrono::seconds(9)).client(get("/trap"));
  wire.wait(std::chrono::seconds(9)).client("\r\n0\r\n\r\n").server(ok("A"));
  wire.client(get("/b")).server(ok("B")).client(get("/c")).server(ok("C")).fins();
  EXPECT_THAT(pairs(wire.packets), IsSubsetOf({"GET /b -> 200 [B]", "GET /c -> 200 [C]"}));
}

// Where servers disagree about what is body and what the next request: whichever way the
// server takes it, no pair is wrong.
class Smuggled : public ::testing::TestWithParam<const char*> {};

void expect_true_pairs(const std::string& post, bool inner_is_request, std::size_t mss = 1460) {
  Wire wire;
  wire.mss = mss;
  wire.handshake().client(post);
  wire.server(ok("A")).wait(std::chrono::seconds(2));
  std::string late = "/x";  // what the server answers before each
  for (const std::string next : {"/b", "/c", "/d", "/e"}) {
    wire.client(get(next));
    wire.server(ok(inner_is_request ? std::exchange(late, next) : next));
    wire.wait(std::chrono::seconds(2));
  }
  for (const std::string& pair : pairs(wire.packets)) {
    const std::string target = pair.substr(pair.find('/'), 2);
    EXPECT_EQ(pair.substr(pair.find(" -> ")), " -> 200 [" + (target == "/a" ? "A" : target) + "]")
        << pair;
  }
}

TEST_P(Smuggled, NoPairIsWrong) {
  const std::string inner = get("/x");
  std::string head = GetParam();
  for (std::size_t at; (at = head.find('#')) != std::string::npos;) {
    head.replace(at, 1, std::to_string(inner.size() + 5));
  }
  const std::string post = "POST /a HTTP/1.1\r\nHost: h\r\n" + head + "\r\n\r\n0\r\n\r\n" + inner;
  for (const std::size_t mss : {1U, 2U, 3U, 7U, 1460U}) {
    expect_true_pairs(post, true, mss);
    expect_true_pairs(post, false, mss);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Heads, Smuggled,
    ::testing::Values("Content-Length: #\r\nTransfer-Encoding: chunked",
                      "Transfer-Encoding: chunked\r\nContent-Length: #",
                      "Content-Length: #\r\nContent-Length: 5", "Content-Length: #, 5",
                      "Content-Length: #, #", "Content-Length: +#", "Content-Length: -1",
                      "Content-Length: 0x5", "Content-Length: # 5", "Content-Length:",
                      "Content-Length: 5.0", "Content-Length: 99999999999999999999999",
                      "Content-Length : #", "Content-Length\t: #",
                      "Transfer-Encoding : chunked", "Transfer-Encoding: xchunked",
                      "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity, chunked",
                      "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: \"chunked\"",
                      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
                      "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
                      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                      "Transfer-Encoding: gzip", "Transfer-Encoding:\x0b" "chunked",
                      "Transfer-Encoding: chunked;a=b", "Transfer-Encoding:\r\n chunked",
                      "Content-Length:\r\n #", " Content-Length: #",
                      "X: y\r\n Content-Length: #\r\nTransfer-Encoding : chunked",
                      "Transfer-Encoding: identity\r\nTransfer-Encoding: identity",
                      "Content-Length: #\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\t",
                      "Content-Length: #\r\nTransfer-Encoding: chunked\t",
                      "Transfer-Encoding: identity\r\nTransfer-Encoding:\tchunked\t"));

// Pretty-printed bodies have lines that begin with white space.
TEST(Hostile, ABodyIsNoFoldedHeader) {
  const std::string body = "{\n  \"a\": 1\n}";
  const std::string post = "POST /a HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (const std::size_t mss : {1U, 2U, 3U, 5U, 9U, 1460U}) {
    Wire wire;
    wire.mss = mss;
    wire.handshake().client(post).server(ok("A"));
    EXPECT_THAT(lines(wire.packets), ElementsAre("POST /a {" + body + "} -> 200 [A]")) << mss;
  }
}

// A server that speaks HTTP/1.0 need not know chunks (RFC 9112 section 6.1).
TEST(Hostile, ChunksInAnHttp10RequestTellNoPair) {
  const std::string post = "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"
                           "Connection: keep-alive\r\n\r\n0\r\n\r\n" + get("/x");
  expect_true_pairs(post, true);
  expect_true_pairs(post, false);
}

}  // namespace
}  // namespace shadowtap::testing
