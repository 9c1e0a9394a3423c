// What a ring delivered, kept by value, for tests to ask about.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "agent/capture/tap.h"

namespace shadowtap::testing {

struct Record {
  net::Segment segment;  // its payload views `bytes`
  std::string bytes;
};

class Collected {
 public:
  explicit Collected(capture::Tap& tap, std::size_t shards = 1) : tap_(tap), shards_(shards) {}

  std::size_t drain() {
    std::size_t passed = 0;
    for (std::size_t shard = 0; shard < shards_; ++shard)
      passed += tap_.ring(shard).drain(1 << 20, [this](const net::Segment& segment) {
        records.push_back({segment, std::string(segment.payload)});
        records.back().segment.payload = {};
      });
    return passed;
  }

  // Payload of one direction, flow after flow, each without retransmitted copies. A hole
  // ends a flow's text.
  std::string stream(net::Direction direction) const {
    struct Text {
      std::uint32_t next = 0;
      std::string bytes;
    };
    std::vector<std::pair<net::Flow, Text>> flows;
    for (const auto& [segment, bytes] : records) {
      if (segment.direction != direction) continue;
      const bool syn = (segment.flags & net::kSyn) != 0;
      auto found = std::ranges::find(flows, segment.flow, [](const auto& f) { return f.first; });
      if (found == flows.end())
        found = flows.insert(flows.end(), {segment.flow, {segment.sequence + syn, {}}});
      Text& text = found->second;
      const std::uint32_t seen = text.next - segment.sequence - syn;
      if (seen >= bytes.size()) continue;
      text.bytes += bytes.substr(seen);
      text.next += static_cast<std::uint32_t>(bytes.size()) - seen;
    }
    std::string all;
    for (const auto& [flow, text] : flows) all += text.bytes;
    return all;
  }

  std::size_t count(net::Direction direction, std::uint8_t flags) const {
    std::size_t n = 0;
    for (const Record& record : records)
      n += record.segment.direction == direction && (record.segment.flags & flags) == flags;
    return n;
  }

  std::vector<Record> records;

 private:
  capture::Tap& tap_;
  std::size_t shards_;
};

}  // namespace shadowtap::testing
