// What the wire does to a connection, told as exchanges: the vocabulary of wire.h in, the
// lines of the recorder out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/recorder.h"
#include "tests/support/wire.h"

namespace shadowtap::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using net::Direction;

const std::string kGetA = "GET /a HTTP/1.1\r\n\r\n";
const std::string kGetB = "GET /b HTTP/1.1\r\n\r\n";
std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::vector<std::string> lines(const std::vector<Packet>& packets) {
  Recorder sink;
  run(packets, sink);
  return sink.lines();
}

TEST(Connections, KeepAliveProbesSayNothing) {
  Wire wire;
  wire.handshake().client(kGetA).server(ok("A"));
  Packet probe = wire.packets.back();
  probe.fields.sequence = wire.packets[3].fields.sequence + static_cast<std::uint32_t>(kGetA.size()) - 1;
  for (const char* byte : {"", "\0"}) {
    probe.payload.assign(byte, byte[0] == '\0' ? 1 : 0);
    probe.fields.payload_size = static_cast<std::uint32_t>(probe.payload.size());
    wire.packets.push_back(probe);
  }
  wire.client(kGetB).server(ok("B"));
  EXPECT_THAT(lines(wire.packets), ElementsAre("GET /a -> 200 [A]", "GET /b -> 200 [B]"));
}

TEST(Connections, DataOnTheSynIsRead) {
  Wire wire;
  wire.handshake().client(kGetA).server(ok("A"));
  Packet& syn = wire.packets[0];
  syn.payload = kGetA;
  syn.fields.payload_size = static_cast<std::uint32_t>(kGetA.size());
  wire.packets.erase(wire.packets.begin() + 3);
  EXPECT_THAT(lines(wire.packets), ElementsAre("GET /a -> 200 [A]"));
}

TEST(Connections, ARetransmittedSynIsNoNewConnection) {
  Wire wire;
  wire.handshake().client(kGetA);
  wire.packets.push_back(wire.packets[0]);
  wire.packets.push_back(wire.packets[1]);
  wire.server(ok("A"));
  EXPECT_THAT(lines(wire.packets), ElementsAre("GET /a -> 200 [A]"));
}

TEST(Connections, AReusedPortBeginsAnother) {
  Wire first;
  first.handshake().client(kGetA);
  Wire second(40000, 900000, 700000);
  second.handshake().client(kGetB).server(ok("B"));
  auto packets = first.packets;
  packets.insert(packets.end(), second.packets.begin(), second.packets.end());
  EXPECT_THAT(lines(packets), ElementsAre("GET /a lost: replaced", "GET /b -> 200 [B]"));
}

// Farther than any window reaches, ahead and behind.
constexpr std::uint32_t kFar[] = {0x50000000U, 0xb0000000U};

TEST(Connections, BytesTooFarAwayAreAnotherConnections) {
  for (const std::uint32_t distance : kFar) {
    Wire first;
    first.handshake().client(kGetA);
    Wire second(40000, 1000 + distance, 5000 + distance);  // its handshake was not seen
    second.now = first.now;
    second.client(kGetB).server(ok("B"));
    Recorder sink;
    AssemblyOptions options;
    options.first_exchange = 1;
    Assembly assembly(options, sink);
    for (const Packet& p : first.packets) assembly.segment(p.segment());
    for (const Packet& p : second.packets) assembly.segment(p.segment());
    assembly.flush(second.now);
    EXPECT_THAT(sink.lines(), ElementsAre("GET /a lost: replaced", "GET /b -> 200 [B]"));
    const stream::StreamCounters& counters = assembly.stream_counters();
    EXPECT_EQ(counters.half_events.value(stream::HalfEvent::kFarAhead), 1U);
    EXPECT_EQ(counters.closed.value(stream::Closed::kReplaced), 1U);
    EXPECT_EQ(counters.events.value(stream::ConnectionEvent::kMidStream), 1U);
    EXPECT_EQ(counters.gap_bytes.value(stream::GapCause::kWire), 0U);
  }
}

TEST(Connections, AFinTooFarAwayTellsThatThisOneIsOver) {
  for (const std::uint32_t distance : kFar) {
    Wire first;
    first.handshake().client(kGetA);
    Wire second(40000, 1000 + distance, 5000 + distance);
    second.client_fin();
    Recorder sink;
    Assembly assembly({}, sink);
    for (const Packet& p : first.packets) assembly.segment(p.segment());
    for (const Packet& p : second.packets) assembly.segment(p.segment());
    EXPECT_THAT(sink.lines(), ElementsAre("GET /a lost: replaced"));
    EXPECT_EQ(assembly.connections(), 0U) << "nothing is known of the other one";
  }
}

TEST(Connections, TheClientMayHalfCloseAndStillBeAnswered) {
  Wire wire;
  wire.handshake().client(kGetA).client_fin().server(ok("A")).server_fin();
  EXPECT_THAT(lines(wire.packets), ElementsAre("GET /a -> 200 [A]"));
}

TEST(Connections, CopiesAfterTheEndBeginNothing) {
  Wire wire;
  wire.handshake().client(kGetA).server(ok("A")).client_fin().server_fin();
  wire.packets.push_back(wire.packets[3]);
  wire.packets.push_back(wire.packets[5]);
  EXPECT_THAT(lines(wire.packets), ElementsAre("GET /a -> 200 [A]"));
}

TEST(Connections, AResetTheReceiverWouldNotTakeIsPassedOver) {
  Wire wire;
  wire.handshake().client(kGetA).server(ok("A"));
  Packet forged = wire.packets[3];
  forged.payload.clear();
  forged.fields.payload_size = 0;
  forged.fields.flags = net::kRst;
  wire.packets.push_back(forged);
  wire.client(kGetB).server(ok("B"));
  EXPECT_THAT(lines(wire.packets), ElementsAre("GET /a -> 200 [A]", "GET /b -> 200 [B]"));
}

TEST(Connections, AResetWithDataOutstandingAborts) {
  Wire wire;
  wire.handshake().client(kGetA).server(ok("AAAA").substr(0, 40)).client_rst();
  EXPECT_THAT(lines(wire.packets), ElementsAre("GET /a lost: reset"));
}

TEST(Connections, OneSideOnly) {
  Wire wire;
  wire.handshake().client(kGetA).server(ok("A")).client(kGetB).server(ok("B"));
  for (const Direction side : {Direction::kToServer, Direction::kToClient}) {
    std::vector<Packet> packets;
    for (const Packet& p : wire.packets) {
      if (p.fields.direction == side) packets.push_back(p);
    }
    Recorder sink;
    run(packets, sink);
    EXPECT_EQ(sink.complete(), 0U);
    EXPECT_EQ(sink.seen.empty(), side == Direction::kToClient);
  }
}

TEST(Connections, ASegmentCutByTheCaptureIsAGap) {
  Wire wire;
  wire.handshake().client(kGetA).server(ok("0123456789")).client(kGetB).server(ok("B"));
  wire.packets[5].payload.resize(wire.packets[5].payload.size() - 5);
  EXPECT_THAT(lines(wire.packets), ElementsAre("GET /a lost: gap", "GET /b -> 200 [B]"));
}

TEST(Connections, AHoleNobodyAcknowledgedIsGivenUpInTime) {
  Wire wire;
  wire.acks = false;
  wire.handshake().client(kGetA);
  wire.mss = 30;
  wire.server(ok("0123456789"));
  wire.packets.erase(wire.packets.end() - 2);
  Recorder sink;
  Assembly assembly({}, sink);
  for (const Packet& p : wire.packets) assembly.segment(p.segment());
  assembly.tick(wire.now + 9s);
  EXPECT_EQ(sink.lost(), 0U);
  assembly.tick(wire.now + 11s);
  EXPECT_EQ(sink.lost(), 1U);
  EXPECT_EQ(assembly.stream_counters().gaps.value(stream::GapCause::kWire), 1U);
}

TEST(Connections, AnUnansweredRequestTimesOutAndKeepsItsPlace) {
  Wire wire;
  wire.handshake().client(kGetA + kGetB);
  Recorder sink;
  Assembly assembly({}, sink);
  for (const Packet& p : wire.packets) assembly.segment(p.segment());
  assembly.tick(wire.now + 61s);
  EXPECT_EQ(sink.lost(), 2U);
  wire.packets.clear();
  wire.client("GET /c HTTP/1.1\r\n\r\n").server(ok("A") + ok("B") + ok("C"));
  for (const Packet& p : wire.packets) assembly.segment(p.segment());
  EXPECT_THAT(sink.lines(), ElementsAre("GET /a lost: no answer in time",
                                        "GET /b lost: no answer in time", "GET /c -> 200 [C]"));
}

TEST(Bounds, TheIdlestConnectionGoesWhenThereAreTooMany) {
  AssemblyOptions options;
  options.stream.max_connections = 10;
  Recorder sink;
  Assembly assembly(options, sink);
  for (std::uint16_t port = 1; port <= 12; ++port) {
    Wire wire(port);
    wire.handshake().client(kGetA);
    for (const Packet& p : wire.packets) assembly.segment(p.segment());
  }
  EXPECT_EQ(assembly.connections(), 10U);
  EXPECT_EQ(assembly.open_of(0), 10U);
  EXPECT_EQ(assembly.stream_counters().closed.value(stream::Closed::kEvicted), 2U);
  EXPECT_EQ(sink.seen.begin()->second.lost, "evicted");
}

TEST(Bounds, OpenConnectionsAreCountedByService) {
  Recorder sink;
  Assembly assembly({}, sink);
  const auto feed = [&assembly](const Wire& wire, std::uint16_t service) {
    for (const Packet& p : wire.packets) {
      net::Segment segment = p.segment();
      segment.service = service;
      assembly.segment(segment);
    }
  };
  Wire ended(1);
  feed(ended.handshake().client(kGetA), 0);
  for (std::uint16_t port = 2; port <= 4; ++port) feed(Wire(port).handshake().client(kGetA), 3);
  EXPECT_EQ(assembly.open_of(0), 1U);
  EXPECT_EQ(assembly.open_of(1), 0U);
  EXPECT_EQ(assembly.open_of(3), 3U);
  ended.packets.clear();
  feed(ended.server(ok("A")).fins(), 0);
  EXPECT_EQ(assembly.open_of(0), 0U);  // though late copies of its segments are still known
  EXPECT_EQ(assembly.connections(), 4U);
  EXPECT_EQ(assembly.open_of(9), 0U);
}

TEST(Bounds, BytesInTotal) {
  AssemblyOptions options;
  options.stream.max_total_bytes = 1 << 20;
  Recorder sink;
  Assembly assembly(options, sink);
  for (std::uint16_t port = 1; port <= 40; ++port) {
    Wire wire(port);
    wire.handshake().client("POST / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" +
                            std::string(100000, 'x'));
    for (const Packet& p : wire.packets) {
      assembly.segment(p.segment());
      ASSERT_LE(assembly.held_bytes(), 1U << 20);
    }
  }
  EXPECT_GT(assembly.stream_counters().events.value(stream::ConnectionEvent::kOverBytes), 20U);
}

TEST(Bounds, BytesBehindAHole) {
  AssemblyOptions options;
  options.stream.held = {1000, 100};
  Recorder sink;
  Assembly assembly(options, sink);
  Wire wire;
  wire.acks = false;
  wire.mss = 100;
  wire.handshake().client("POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n" +
                          std::string(5000, 'x'));
  wire.packets.erase(wire.packets.begin() + 6);
  for (const Packet& p : wire.packets) {
    assembly.segment(p.segment());
    ASSERT_LT(assembly.held_bytes(), 20'000U);
  }
  EXPECT_EQ(assembly.stream_counters().half_events.value(stream::HalfEvent::kHeldTooMuch), 1U);
  EXPECT_THAT(sink.lines(), IsEmpty());
}

TEST(Bounds, IdleConnectionsAreForgottenInTime) {
  Recorder sink;
  Assembly assembly({}, sink);
  Wire wire;
  wire.handshake().client(kGetA).server(ok("A"));
  for (const Packet& p : wire.packets) assembly.segment(p.segment());
  assembly.tick(wire.now + 1h);
  EXPECT_EQ(assembly.connections(), 1U);
  assembly.tick(wire.now + 3h);
  EXPECT_EQ(assembly.connections(), 0U);
}

}  // namespace
}  // namespace shadowtap::testing
