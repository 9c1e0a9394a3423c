// Long bodies that nobody needs are left out by the tap, and their exchanges are as complete
// as if they had been copied.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "tests/support/recorder.h"
#include "tests/support/tap_model.h"
#include "tests/support/wire.h"

namespace shadowtap::testing {
namespace {

using net::Direction;
using ::testing::ElementsAre;

constexpr std::size_t kKept = 1000;
constexpr std::size_t kLong = 300'000;

std::string asks(const std::string& target) { return "GET " + target + " HTTP/1.1\r\n\r\n"; }
std::string answer(std::uint64_t length) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}
std::string answer(const std::string& body) { return answer(body.size()) + body; }

// An assembly behind a tap that does what it is told at once.
struct Tapped {
  Tapped() {
    sink.needs_rest = false;
    options.parser.max_body_bytes = kKept;
    options.first_exchange = 1;
  }
  void plays(const std::vector<Packet>& packets) {
    if (!assembly) {
      assembly = std::make_unique<Assembly>(options, sink, [this](const net::FlowVerdict& v) {
        verdicts.push_back(v);
        tap.told(v);
      });
    }
    for (const Packet& packet : packets) {
      const net::Segment segment = packet.segment();
      const bool bare_ack = segment.flags == net::kAck && segment.payload.empty();
      if (bare_ack || !tap.copies(segment)) continue;
      copied += segment.payload.size();
      assembly->segment(segment);
    }
  }
  const http::Exchange& exchange(http::ExchangeId id) const { return sink.seen.at(id).exchange; }

  AssemblyOptions options;
  Recorder sink;
  TapModel tap;
  std::unique_ptr<Assembly> assembly;
  std::vector<net::FlowVerdict> verdicts;
  std::size_t copied = 0;
};

class Skip : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  Wire wire_{40000, GetParam(), GetParam() + 77};
  Tapped tapped_;
};

INSTANTIATE_TEST_SUITE_P(InitialSequenceNumber, Skip,
                         ::testing::Values(1U, 0x7fffff00U, 0xffffff00U, 0xfffc0000U));

TEST_P(Skip, ALongAnswerIsCompleteAndTheNextOnePairs) {
  wire_.handshake().client(asks("/long")).server(answer(std::string(kLong, 'x')));
  const Time end = wire_.packets[wire_.packets.size() - 2].fields.time;
  wire_.client(asks("/b")).server(answer("B")).fins();
  tapped_.plays(wire_.packets);
  ASSERT_EQ(tapped_.sink.complete(), 2U);
  EXPECT_LT(tapped_.copied, 2 * wire_.mss + 1000);
  EXPECT_EQ(tapped_.exchange(1).original->body.size, kLong);
  EXPECT_EQ(tapped_.exchange(1).original->body.bytes, std::string(kKept, 'x'));
  EXPECT_FALSE(tapped_.exchange(1).original->body.sha256);
  EXPECT_EQ(tapped_.exchange(1).response_last, end);
  EXPECT_EQ(tapped_.exchange(2).original->body.bytes, "B");
  ASSERT_EQ(tapped_.verdicts.size(), 1U);
  const auto head = static_cast<std::uint32_t>(answer(std::uint64_t{kLong}).size());
  EXPECT_EQ(tapped_.verdicts[0].until, static_cast<std::uint32_t>(GetParam() + 77 + 1 + head + kLong - 1));
  EXPECT_EQ(tapped_.assembly->stream_counters().gaps.value(stream::GapCause::kCapture), 0U);
}

TEST_P(Skip, ALongUploadIsCompleteAndTheNextOnePairs) {
  const std::string post = "POST /up HTTP/1.1\r\nContent-Length: " + std::to_string(kLong) + "\r\n\r\n";
  wire_.handshake().client(post + std::string(kLong, 'x')).server(answer("A"));
  wire_.client(asks("/b")).server(answer("B")).fins();
  tapped_.plays(wire_.packets);
  ASSERT_EQ(tapped_.sink.complete(), 2U);
  EXPECT_LT(tapped_.copied, 2 * wire_.mss + 1000);
  EXPECT_EQ(tapped_.exchange(1).request.body.size, kLong);
  EXPECT_EQ(tapped_.exchange(1).original->body.bytes, "A");
  EXPECT_EQ(tapped_.exchange(2).original->body.bytes, "B");
}

TEST_P(Skip, TheWishIsNeverFartherThanSequenceNumbersCompare) {
  constexpr std::uint64_t kBody = 3ULL << 30;
  wire_.acks = false;
  wire_.handshake().client(asks("/huge")).server(answer(kBody) + std::string(kKept, 'x'));
  tapped_.plays(wire_.packets);
  std::uint64_t sent = kKept;
  std::size_t copied = 0;
  while (sent < kBody) {  // segments of 64 KiB without their bytes: no more is looked at
    const std::uint64_t n = std::min<std::uint64_t>(65536, kBody - sent);
    Packet& packet = wire_.packets.back();
    packet.fields.sequence += packet.fields.payload_size;
    packet.fields.payload_size = static_cast<std::uint32_t>(n);
    packet.payload.resize(n);
    sent += n;
    if (!tapped_.tap.copies(packet.segment())) continue;
    ASSERT_LT(++copied, 10U);
    tapped_.assembly->segment(packet.segment());
  }
  ASSERT_EQ(tapped_.sink.complete(), 1U);
  EXPECT_EQ(tapped_.exchange(1).original->body.size, kBody);
  EXPECT_GE(tapped_.verdicts.size(), 3U);
}

TEST_P(Skip, AnAnswerThatEndsEarlyIsLostAtOnce) {
  for (const bool reset : {false, true}) {
    Wire wire(41000, GetParam(), GetParam());
    Tapped tapped;
    wire.handshake().client(asks("/a")).server(answer(std::string(kLong, 'x')).substr(0, kLong / 2));
    reset ? wire.server_rst() : wire.server_fin();
    tapped.plays(wire.packets);
    EXPECT_EQ(tapped.sink.seen.at(1).lost, reset ? "reset" : "closed");
    EXPECT_EQ(tapped.exchange(1).original, std::nullopt);
  }
}

TEST_P(Skip, ALostLastByteIsALostExchange) {
  wire_.handshake().client(asks("/a")).server(answer(std::string(kLong, 'x')));
  wire_.packets.erase(wire_.packets.end() - 2);
  wire_.client(asks("/b")).server(answer("B"));
  tapped_.plays(wire_.packets);
  EXPECT_EQ(tapped_.sink.seen.at(1).lost, "gap");
  EXPECT_EQ(tapped_.exchange(2).original->body.bytes, "B");
}

TEST_P(Skip, WhatTheTapCopiesAllTheSameIsReadAndTheWishRepeated) {
  wire_.handshake().client(asks("/a")).server(answer(std::string(4 << 20, 'x'))).fins();
  std::vector<net::FlowVerdict> verdicts;
  Assembly assembly(tapped_.options, tapped_.sink,
                    [&](const net::FlowVerdict& v) { verdicts.push_back(v); });
  for (const Packet& packet : wire_.packets) assembly.segment(packet.segment());
  EXPECT_EQ(tapped_.exchange(1).original->body.size, 4U << 20);
  EXPECT_EQ(verdicts.size(), 4U);
  EXPECT_EQ(verdicts.front().until, verdicts.back().until);
}

// A connection that is TLS, behind a tap that shows no more of it than its ends.
class SkipForEver : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  static constexpr std::uint32_t kIsn = 1000;

  void feed(const Packet& packet) { assembly_.segment(packet.segment()); }
  void feed(Wire& wire) {
    for (const Packet& packet : wire.packets) feed(packet);
    wire.packets.clear();
  }
  void hello() {
    Wire wire(40000, kIsn, kIsn);
    wire.acks = false;
    feed(wire.handshake().client(kHello));
    ASSERT_EQ(wishes_, 2U) << "one a direction";
    ASSERT_EQ(assembly_.open_of(0), 1U);
  }
  // Its end, behind as many bytes as the parameter says in each direction.
  Wire end() const {
    const auto sent = static_cast<std::uint32_t>(kHello.size());
    Wire wire(40000, kIsn + 1 + sent + GetParam(), kIsn + 1 + GetParam());
    wire.acks = false;
    return wire;
  }
  void expect_closed(stream::Closed why) const {
    const stream::StreamCounters& counters = assembly_.stream_counters();
    EXPECT_EQ(assembly_.open_of(0), 0U);
    EXPECT_EQ(counters.closed.value(why), 1U);
    EXPECT_EQ(counters.gaps.value(stream::GapCause::kCapture), 0U);
    EXPECT_EQ(counters.gaps.value(stream::GapCause::kWire), 0U);
    EXPECT_EQ(counters.events.value(stream::ConnectionEvent::kOneSided), 0U);
    EXPECT_EQ(counters.half_events.value(stream::HalfEvent::kFarAhead), 0U);
  }

  const std::string kHello = "\x16\x03\x01 hello";
  Recorder sink_;
  std::size_t wishes_ = 0;
  Assembly assembly_{{}, sink_, [this](const net::FlowVerdict& verdict) {
                       wishes_ += verdict.kind == net::SkipKind::kForEver;
                     }};
};

INSTANTIATE_TEST_SUITE_P(LeftOut, SkipForEver,
                         ::testing::Values(0U, 100'000U, 0x50000000U, 0x90000000U, 0xd0000000U));

TEST_P(SkipForEver, TheFinsCloseWhateverWasLeftOut) {
  hello();
  Wire wire = end();
  feed(wire.client_fin());
  EXPECT_EQ(assembly_.open_of(0), 1U);
  feed(wire.server_fin());
  expect_closed(stream::Closed::kFinished);
}

TEST_P(SkipForEver, AResetCloses) {
  hello();
  Wire wire = end();
  feed(wire.server_rst());
  expect_closed(stream::Closed::kReset);
}

TEST_P(SkipForEver, CopiesOfTheEndBeginNothing) {
  hello();
  Wire wire = end();
  Packet& last = wire.client("bye").packets[0];
  last.fields.flags |= net::kFin;
  const Packet copy = last;
  feed(wire.server_fin());
  expect_closed(stream::Closed::kFinished);
  feed(copy);
  EXPECT_EQ(assembly_.stream_counters().events.value(stream::ConnectionEvent::kLate), 1U);
  EXPECT_EQ(assembly_.open_of(0), 0U);
}

TEST_P(SkipForEver, AFinThatWaitsForBytesWaitsNoMore) {
  Wire wire(40000, kIsn, kIsn);
  wire.acks = false;
  wire.handshake().client(kHello).client_fin().server("lost").server_fin();
  wire.packets[6].fields.acknowledgment = kIsn + 1;  // the server's FIN came first
  for (const std::size_t i : {0U, 1U, 2U, 6U}) feed(wire.packets[i]);
  feed(wire.packets[3]);
  EXPECT_EQ(assembly_.open_of(0), 1U);
  feed(wire.packets[4]);
  expect_closed(stream::Closed::kFinished);
}

TEST_P(SkipForEver, TheWishIsRepeatedWhereTheTapForgotIt) {
  hello();
  Wire wire = end();
  for (int i = 0; i < 64; ++i) wire.server("more");
  feed(wire);
  EXPECT_EQ(wishes_, 4U);
  EXPECT_EQ(assembly_.held_bytes(), 0U);
}

TEST(SkipNothing, WhereTheRestIsNeededOrItsEndUnknown) {
  const std::string body(kLong, 'x');
  const struct {
    const char* name;
    bool needed;
    std::size_t kept;
    bool hashed;
    std::string answer;
  } cases[] = {
      {"compared", true, kKept, false, answer(body)},
      {"hashed", false, kKept, true, answer(body)},
      {"kept", false, kLong, false, answer(body)},
      {"chunked", false, kKept, false,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n493e0\r\n" + body + "\r\n0\r\n\r\n"},
      {"until the end", false, kKept, false, "HTTP/1.1 200 OK\r\n\r\n" + body},
  };
  for (const auto& c : cases) {
    Tapped tapped;
    tapped.sink.needs_rest = c.needed;
    tapped.options.parser.max_body_bytes = c.kept;
    tapped.options.parser.hash_bodies = c.hashed;
    Wire wire;
    tapped.plays(wire.handshake().client(asks("/a")).server(c.answer).server_fin().packets);
    EXPECT_TRUE(tapped.verdicts.empty()) << c.name;
    ASSERT_EQ(tapped.sink.complete(), 1U) << c.name;
    const http::Body& read = tapped.exchange(1).original->body;
    EXPECT_EQ(read.size, kLong) << c.name;
    EXPECT_EQ(read.sha256.has_value(), c.needed || c.hashed) << c.name;
  }
}

// Random exchanges, packets out of order, and an agent that lags behind the wire.
TEST(SkipModel, WhateverIsLeftOutTheExchangesAreTheSame) {
  std::size_t left_out = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 random(seed);
    const auto below = [&](std::size_t n) { return random() % n; };
    Wire wire(40000, static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random()));
    wire.mss = 1448 * (1 + below(20));
    wire.handshake();
    std::vector<std::pair<std::size_t, std::size_t>> sizes;
    for (std::size_t n = 1 + below(6); n > 0; --n) {
      sizes.emplace_back(below(2) * below(400'000), below(400'000));
      wire.client("POST /a HTTP/1.1\r\nContent-Length: " + std::to_string(sizes.back().first) +
                  "\r\n\r\n" + std::string(sizes.back().first, 'q'));
      wire.server(answer(std::string(sizes.back().second, 'a')));
    }
    for (std::size_t i = 3; i + 1 < wire.packets.size(); ++i) {
      Packet& a = wire.packets[i];
      Packet& b = wire.packets[i + 1];
      const bool run = a.fields.direction == b.fields.direction && !a.payload.empty() && !b.payload.empty();
      if (run && below(10) == 0) std::swap(a, b);
    }
    Recorder sink;
    sink.needs_rest = false;
    AssemblyOptions options;
    options.parser.max_body_bytes = 1 + below(100'000);
    options.first_exchange = 1;
    TapModel tap;
    Assembly assembly(options, sink, [&](const net::FlowVerdict& v) { tap.told(v); });
    std::deque<const Packet*> ring;
    const std::size_t lag = 1 + below(60);
    for (const Packet& packet : wire.packets) {
      if (packet.payload.empty() && packet.fields.flags == net::kAck) continue;
      tap.copies(packet.segment()) ? ring.push_back(&packet) : void(++left_out);
      if (ring.size() < lag) continue;
      assembly.segment(ring.front()->segment());
      ring.pop_front();
    }
    for (const Packet* packet : ring) assembly.segment(packet->segment());
    ASSERT_EQ(sink.complete(), sizes.size()) << "seed " << seed;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const http::Exchange& e = sink.seen.at(i + 1).exchange;
      ASSERT_EQ(std::pair(e.request.body.size, e.original->body.size),
                (std::pair<std::uint64_t, std::uint64_t>(sizes[i]))) << "seed " << seed;
    }
    EXPECT_EQ(assembly.held_bytes(), 0U) << "seed " << seed;
  }
  EXPECT_GT(left_out, 1000U);
}

}  // namespace
}  // namespace shadowtap::testing
