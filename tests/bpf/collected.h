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

  // Payload of one direction, flow after flow, each in the order of its sequence numbers
  // (a bond may pass packets out of order), without retransmitted copies. A hole ends a
  // flow's text.
  std::string stream(net::Direction direction) const {
    std::vector<std::vector<const Record*>> flows;
    for (const Record& record : records) {
      if (record.segment.direction != direction) continue;
      auto found = std::ranges::find(flows, record.segment.flow,
                                     [](const auto& flow) { return flow.front()->segment.flow; });
      if (found == flows.end()) found = flows.emplace(flows.end());
      found->push_back(&record);
    }
    std::string all;
    for (auto& flow : flows) all += text_of(flow);
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
  static std::string text_of(std::vector<const Record*>& flow) {
    const auto begins = [](const Record* record) {
      return record->segment.sequence + ((record->segment.flags & net::kSyn) != 0);
    };
    std::ranges::stable_sort(flow, [&](const Record* a, const Record* b) {
      return static_cast<std::int32_t>(begins(a) - begins(b)) < 0;
    });
    std::string text;
    std::uint32_t next = begins(flow.front());
    for (const Record* record : flow) {
      const std::uint32_t seen = next - begins(record);
      if (seen >= record->bytes.size()) continue;
      text += record->bytes.substr(seen);
      next += static_cast<std::uint32_t>(record->bytes.size()) - seen;
    }
    return text;
  }
  capture::Tap& tap_;
  std::size_t shards_;
};

}  // namespace shadowtap::testing
