#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/recorder.h"
#include "tests/support/wire.h"

namespace shadowtap::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Case {
  const char* name;
  std::vector<std::pair<char, const char*>> turns;  // 'c'lient or 's'erver sends; 'F'IN of server
  std::vector<std::string> lines;
};

Wire play(const Case& c, Wire wire = Wire()) {
  wire.handshake();
  for (const auto& [who, bytes] : c.turns) {
    if (who == 'c') wire.client(bytes);
    if (who == 's') wire.server(bytes);
    if (who == 'F') wire.server_fin();
  }
  wire.client_fin().server_fin();
  return wire;
}

const std::vector<Case> kCases = {
    {"KeepAlive",
     {{'c', "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA"},
      {'c', "POST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyz"},
      {'s', "HTTP/1.1 201 Made\r\nContent-Length: 1\r\n\r\nB"}},
     {"GET /a -> 200 [A]", "POST /b {xyz} -> 201 [B]"}},
    {"PipelinedInOneSegment",
     {{'c', "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nAHTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nB"}},
     {"GET /a -> 200 [A]", "GET /b -> 404 [B]"}},
    {"ChunkedWithTrailerAndMisleadingData",
     {{'c', "GET /a HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7;x=\"y\"\r\n0\r\n\r\nab\r\n0\r\nX-Sum: 1\r\n\r\n"},
      {'c', "GET /b HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}},
     {"GET /a -> 200 [0\r\n\r\nab]", "GET /b -> 200 []"}},
    {"CloseDelimited",
     {{'c', "GET /a HTTP/1.0\r\n\r\n"}, {'s', "HTTP/1.0 200 OK\r\n\r\nto the end"}, {'F', ""}},
     {"GET /a -> 200 [to the end]"}},
    {"HeadAnd304And204WithALength",
     {{'c', "HEAD /a HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"},
      {'c', "GET /b HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"},
      {'c', "GET /c HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 204 None\r\nContent-Length: 99\r\n\r\n"},
      {'c', "GET /d HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nD"}},
     {"HEAD /a -> 200 []", "GET /b -> 304 []", "GET /c -> 204 []", "GET /d -> 200 [D]"}},
    {"InterimResponsesOfAnyNumberAndPhrase",
     {{'c', "PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"},
      {'s', "HTTP/1.1 100 Go on, then, please do\r\n\r\n"},
      {'c', "ab"},
      {'s', "HTTP/1.1 103 Hints\r\nLink: </x>\r\nContent-Length: 7\r\n\r\nHTTP/1.1 102 Working\r\n\r\n"
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA"}},
     {"PUT /a {ab} -> 200 [A]"}},
    {"OddStatusAndMethods",
     {{'c', "QUERY /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nq"},
      {'s', "HTTP/1.1 499 \r\nContent-Length: 0\r\n\r\n"},
      {'c', "get http://x/b?c=\xc3\xa9 HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 520\r\nContent-Length: 0\r\n\r\n"}},
     {"QUERY /a {q} -> 499 []", "get http://x/b?c=\xc3\xa9 -> 520 []"}},
    {"TheLongestMethod",
     {{'c', "MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM /a HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}},
     {"MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM /a -> 200 []"}},
    {"UpgradeOfferedButRefused",
     {{'c', "GET /a HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA"},
      {'c', "GET /b HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nB"}},
     {"GET /a -> 200 [A]", "GET /b -> 200 [B]"}},
    {"UpgradeDone",
     {{'c', "GET /a HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"},
      {'s', "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x01x"},
      {'c', "GET /not HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}},
     {"GET /a -> 101 []"}},
    {"ConnectDoneAndRefused",
     {{'c', "CONNECT h:443 HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\nN"},
      {'c', "CONNECT h:443 HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 Yes\r\nContent-Length: 5\r\n\r\n"},
      {'c', "\x16\x03\x01 whatever"}},
     {"CONNECT h:443 -> 407 [N]", "CONNECT h:443 -> 200 []"}},
    {"AnsweredBeforeTheBodyWasSent",
     {{'c', "POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\nab"},
      {'s', "HTTP/1.1 413 Big\r\nContent-Length: 1\r\n\r\nN"},
      {'c', "cd"},
      {'c', "GET /b HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nB"}},
     {"POST /a {abcd} -> 413 [N]", "GET /b -> 200 [B]"}},
    // What comes behind the refusal may be the body that was announced.
    {"ARefusedExpectationWithoutTheBody",
     {{'c', "PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 50\r\n\r\n"},
      {'s', "HTTP/1.1 417 Failed\r\nContent-Length: 0\r\n\r\n"},
      {'c', "PUT /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nB"},
      {'c', "GET /c HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nC"}},
     {"GET /c -> 200 [C]"}},
    {"NothingBehindABadRequest",
     {{'c', "GET /a HTTP/1.1\r\n\r\nGET /b c HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA"},
      {'s', "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"},
      {'c', "GET /d HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nD"}},
     {"GET /a -> 200 [A]"}},
    {"ClosedInTheMiddleOfAnAnswer",
     {{'c', "GET /a HTTP/1.1\r\n\r\n"},
      {'s', "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nA"},
      {'F', ""}},
     {"GET /a lost: closed"}},
};

class Pairing : public ::testing::TestWithParam<Case> {};

TEST_P(Pairing, Whole) {
  Recorder sink;
  run(play(GetParam()).packets, sink);
  EXPECT_EQ(sink.lines(), GetParam().lines);
}

TEST_P(Pairing, OneByteSegments) {
  Wire wire;
  wire.mss = 1;
  Recorder sink;
  run(play(GetParam(), wire).packets, sink);
  EXPECT_EQ(sink.lines(), GetParam().lines);
}

INSTANTIATE_TEST_SUITE_P(Cases, Pairing, ::testing::ValuesIn(kCases),
                         [](const auto& case_info) { return case_info.param.name; });

TEST(PairingAfterLoss, LostResponseLosesThatExchangeAndPairsTheNext) {
  Wire wire;
  wire.handshake();
  wire.client("GET /a HTTP/1.1\r\n\r\n");
  const std::size_t victim = wire.packets.size();
  wire.server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA");
  wire.client("GET /b HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nB");
  wire.client("GET /c HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nC");
  wire.packets.erase(wire.packets.begin() + static_cast<long>(victim));
  Recorder sink;
  run(wire.packets, sink);
  EXPECT_THAT(sink.lines(),
              ElementsAre("GET /a lost: gap", "GET /b -> 200 [B]", "GET /c -> 200 [C]"));
}

TEST(PairingAfterLoss, ALineBreakBehindABodyIsNoPipelining) {
  Wire wire;
  wire.handshake();
  wire.client("POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\na").client("\r\n");
  wire.server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA");
  wire.client("GET /b HTTP/1.1\r\n\r\n");
  const std::size_t victim = wire.packets.size();
  wire.server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nB");
  wire.client("GET /c HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nC");
  wire.packets.erase(wire.packets.begin() + static_cast<long>(victim));
  Recorder sink;
  run(wire.packets, sink);
  EXPECT_THAT(sink.lines(),
              ElementsAre("POST /a {a} -> 200 [A]", "GET /b lost: gap", "GET /c -> 200 [C]"));
}

TEST(PairingAfterLoss, JoinedMidStreamBetweenPipelinedRequestsTellsNoPair) {
  Wire wire;
  wire.handshake();
  wire.client("GET /a HTTP/1.1\r\n\r\n");
  const std::size_t joined = wire.packets.size();
  wire.client("GET /b HTTP/1.1\r\n\r\n");
  wire.server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA");
  wire.server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nB");
  wire.packets.erase(wire.packets.begin(), wire.packets.begin() + static_cast<long>(joined));
  Recorder sink;
  run(wire.packets, sink);
  EXPECT_EQ(sink.complete(), 0U);
}

TEST(PairingAfterLoss, JoinedMidStreamPairsFromTheNextRequest) {
  Wire wire;
  wire.server("tail of something");
  wire.client("GET /b HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nB");
  Recorder sink;
  run(wire.packets, sink);
  EXPECT_THAT(sink.lines(), ElementsAre("GET /b -> 200 [B]"));
}

TEST(PairingAfterLoss, AGapInACountedBodyHurtsThatExchangeOnly) {
  Wire wire;
  wire.handshake();
  wire.client("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
  wire.server("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n");
  const std::size_t victim = wire.packets.size();
  wire.server("0123456789");
  wire.server("01234567890123456789HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nB");
  wire.packets.erase(wire.packets.begin() + static_cast<long>(victim));
  Recorder sink;
  run(wire.packets, sink);
  EXPECT_THAT(sink.lines(), ElementsAre("GET /a lost: gap", "GET /b -> 200 [B]"));
}

// A conversation whose server's bytes come first, as the tap may see them.
struct Overtaken {
  explicit Overtaken(std::size_t max_held)
      : context{{.max_held = max_held}, sink, http::ExchangeIds(0, 1), http::ParserPool({}), {}},
        conversation(context, {}, true) {}

  void server(std::string_view bytes) {
    conversation.server_bytes({server_at, bytes, 1 << 20, true, {}});
    server_at += static_cast<std::int64_t>(bytes.size());
  }
  void client(std::string_view bytes) {
    conversation.client_bytes({client_at, bytes, server_at, true, {}});
    client_at += static_cast<std::int64_t>(bytes.size());
  }

  Recorder sink;
  http::ConversationContext context;
  http::Conversation conversation;
  std::int64_t server_at = 0;
  std::int64_t client_at = 0;
};

TEST(PairingHeld, AnswersThatCameFirstKeepTheirOrderAndAreLetGo) {
  Overtaken taken(1 << 20);
  const std::string a = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
  taken.server(a + "A" + a + "B" + a.substr(0, 9));
  taken.server(a.substr(9) + "C" + a);
  taken.server("D");
  for (const char* target : {"/a", "/b", "/c", "/d"}) {
    taken.client("GET " + std::string(target) + " HTTP/1.1\r\n\r\n");
  }
  EXPECT_THAT(taken.sink.lines(), ElementsAre("GET /a -> 200 [A]", "GET /b -> 200 [B]",
                                              "GET /c -> 200 [C]", "GET /d -> 200 [D]"));
  EXPECT_EQ(taken.conversation.held_bytes(), 0U);
}

TEST(PairingHeld, WhatKeepsAByteCountsAsWell) {
  Overtaken taken(4096);
  for (const char byte : std::string("HTTP/1.1 200 OK\r\nX: ") + std::string(200, 'x')) {
    taken.server({&byte, 1});
  }
  EXPECT_EQ(taken.context.events.value(http::ConversationEvent::kHeldTooMuch), 1U);
}

TEST(PairingOddities, TlsHttp2AndJunkStopTheConnectionUnderTheirName) {
  struct {
    std::string bytes;
    http::ConversationEvent event;
  } const cases[] = {{std::string("\x16\x03\x01\x02\x00\x01", 6), http::ConversationEvent::kTls},
                     {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", http::ConversationEvent::kHttp2},
                     {std::string(33, 'M') + " / HTTP/1.1\r\n\r\n", http::ConversationEvent::kNotHttp},
                     {"\x01junk", http::ConversationEvent::kNotHttp}};
  for (const auto& c : cases) {
    Wire wire;
    wire.handshake().client(c.bytes);
    Recorder sink;
    std::vector<net::FlowVerdict> verdicts;
    Assembly assembly({}, sink, [&](const net::FlowVerdict& v) { verdicts.push_back(v); });
    for (const Packet& p : wire.packets) assembly.segment(p.segment());
    EXPECT_EQ(assembly.http_events().value(c.event), 1U);
    EXPECT_EQ(verdicts.size(), 2U);
    EXPECT_THAT(sink.lines(), IsEmpty());
  }
}

}  // namespace
}  // namespace shadowtap::testing
