// Every conversation of tests/golden/http: whole, at every split, in single bytes, at
// initial sequence numbers around 2^32, and with every segment lost, doubled or swapped.
#include <gtest/gtest.h>

#include <ostream>
#include <set>

#include "tests/support/golden.h"
#include "tests/support/recorder.h"

namespace shadowtap::testing {

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.name; }

namespace {

// The sink's calls as lines; bodies of more than 60 bytes by their length.
class Log final : public http::ExchangeSink {
 public:
  void opened(http::Exchange e) override {
    std::string line = "opened " + std::to_string(e.id) + " " + escaped(e.request.method) + " " +
                       text(e.request.target);
    if (e.request.body.size > 0) line += " " + body(e.request.body);
    if (!e.request.trailers.empty()) line += trailers(e.request.trailers);
    lines.push_back(std::move(line));
  }
  void completed(http::ExchangeId id, http::Response r, Time, Time) override {
    std::string line = "completed " + std::to_string(id) + " " + std::to_string(r.status);
    if (r.body.size > 0) line += " " + body(r.body);
    if (!r.trailers.empty()) line += trailers(r.trailers);
    lines.push_back(std::move(line));
  }
  void lost(http::ExchangeId id, http::OriginalLoss, const char* detail) override {
    lines.push_back("lost " + std::to_string(id) + " " + detail);
  }
  void incident(const http::Incident& incident) override {
    using Of = http::Incident::Of;
    if (incident.of == Of::kRequest) lines.push_back(std::string("unpaired request: ") + incident.reason);
    if (incident.of == Of::kResponse) lines.push_back(std::string("unpaired response: ") + incident.reason);
  }
  std::vector<std::string> lines;

 private:
  static std::string text(std::string_view t) {
    return t.size() > 60 ? "(" + std::to_string(t.size()) + " bytes)" : escaped(t);
  }
  static std::string body(const http::Body& b) {
    return b.size > 60 ? "(" + std::to_string(b.size) + " bytes)" : "\"" + escaped(b.bytes) + "\"";
  }
  static std::string trailers(const http::HeaderList& list) {
    std::string out;
    for (std::size_t i = 0; i < list.size(); ++i) {
      out += " +" + std::string(list.name(i)) + ": " + std::string(list.value(i));
    }
    return out;
  }
};

std::vector<std::string> log_of(const std::vector<Packet>& packets) {
  Log log;
  run(packets, log);
  return log.lines;
}

constexpr std::uint32_t kIsn = 7;

class HttpGolden : public ::testing::TestWithParam<Golden> {};

TEST_P(HttpGolden, Whole) {
  EXPECT_EQ(log_of(packets_of(GetParam(), {}, kIsn, kIsn)), GetParam().log) << GetParam().name;
}

TEST_P(HttpGolden, EverySplit) {
  const Golden& golden = GetParam();
  for (std::size_t turn = 0; turn < golden.turns.size(); ++turn) {
    const std::size_t size = golden.turns[turn].bytes.size();
    for (std::size_t at = 1; at < size; at += size > 5000 ? 97 : 1) {
      ASSERT_EQ(log_of(packets_of(golden, {turn, at}, kIsn, kIsn)), golden.log)
          << golden.name << ": turn " << turn << " split at " << at;
    }
  }
}

TEST_P(HttpGolden, SmallSegmentsAcrossTheWrap) {
  for (const std::size_t mss : {1U, 2U, 3U, 7U}) {
    for (const std::uint32_t isn : {0U, 0x7ffffffeU, 0xffffffffU, 0xfffffff0U, 0xffffff80U}) {
      ASSERT_EQ(log_of(packets_of(GetParam(), {SIZE_MAX, 0, mss}, isn, isn - 40)), GetParam().log)
          << GetParam().name << ": mss " << mss << " isn " << isn;
    }
  }
}

TEST_P(HttpGolden, DuplicatesChangeNothing) {
  const std::vector<Packet> packets = packets_of(GetParam(), {SIZE_MAX, 0, 11}, kIsn, kIsn);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    std::vector<Packet> twice = packets;
    twice.insert(twice.begin() + static_cast<long>(i), packets[i]);
    ASSERT_EQ(log_of(twice), GetParam().log) << GetParam().name << ": doubled " << i;
  }
}

// A retransmission that carries the next segment as well, before that one comes.
TEST_P(HttpGolden, LongerRetransmissionsChangeNothing) {
  const std::vector<Packet> packets = packets_of(GetParam(), {SIZE_MAX, 0, 11}, kIsn, kIsn);
  for (std::size_t i = 0; i + 1 < packets.size(); ++i) {
    const Packet& next = packets[i + 1];
    if (packets[i].payload.empty() || next.payload.empty()) continue;
    if (packets[i].fields.direction != next.fields.direction) continue;
    std::vector<Packet> longer = packets;
    Packet both = packets[i];
    both.payload += next.payload;
    both.fields.payload_size += next.fields.payload_size;
    longer.insert(longer.begin() + static_cast<long>(i) + 1, both);
    ASSERT_EQ(log_of(longer), GetParam().log) << GetParam().name << ": longer " << i;
  }
}

// Joined mid-stream there is no telling what came before the first segment.
bool begins_with_handshake(const std::vector<Packet>& packets) {
  return (packets.front().fields.flags & net::kSyn) != 0;
}

// Two neighbours of one direction, with nothing of the other between them.
bool swappable(const Packet& a, const Packet& b) {
  return !a.payload.empty() && !b.payload.empty() && a.fields.direction == b.fields.direction;
}

TEST_P(HttpGolden, SwappedNeighboursChangeNothing) {
  const std::vector<Packet> packets = packets_of(GetParam(), {SIZE_MAX, 0, 5}, kIsn, kIsn);
  for (std::size_t i = 0; i + 2 < packets.size(); ++i) {
    if (!begins_with_handshake(packets) || !swappable(packets[i], packets[i + 1])) continue;
    std::vector<Packet> swapped = packets;
    std::swap(swapped[i], swapped[i + 1]);
    if (swappable(packets[i + 1], packets[i + 2])) std::swap(swapped[i], swapped[i + 2]);
    ASSERT_EQ(log_of(swapped), GetParam().log) << GetParam().name << ": swapped at " << i;
  }
}

// A pair as text, to compare pairs of runs whose ids differ.
std::multiset<std::string> pairs(const std::vector<Packet>& packets) {
  Recorder sink;
  run(packets, sink);
  std::multiset<std::string> pairs;
  for (const std::string& line : sink.lines()) {
    if (line.find(" -> ") != std::string::npos) pairs.insert(line);
  }
  return pairs;
}

TEST_P(HttpGolden, WithAnySegmentLostEveryPairIsOneThatWas) {
  for (const std::size_t mss : {20U, 40U, 65536U}) {
    const std::vector<Packet> packets = packets_of(GetParam(), {SIZE_MAX, 0, mss}, kIsn, kIsn);
    const auto all = pairs(packets);
    for (std::size_t i = 0; i < packets.size(); ++i) {
      std::vector<Packet> fewer = packets;
      fewer.erase(fewer.begin() + static_cast<long>(i));
      for (const std::string& pair : pairs(fewer)) {
        ASSERT_TRUE(all.contains(pair)) << GetParam().name << ": without " << i << ": " << pair;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Markdown, HttpGolden,
                         ::testing::ValuesIn(read_goldens("tests/golden/http")),
                         [](const auto& one) {
                           std::string name = std::to_string(one.index) + "_";
                           for (const char c : one.param.name) name += std::isalnum(c) ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace shadowtap::testing
