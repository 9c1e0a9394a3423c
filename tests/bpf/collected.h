// What a ring delivered, kept by value, for tests to ask about.
#pragma once

#include <chrono>
#include <string>
#include <thread>
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

  // Payload of one direction in the order of arrival, without retransmitted copies.
  std::string stream(net::Direction direction) const {
    std::string text;
    for (const Record& record : records)
      if (record.segment.direction == direction) text += record.bytes;
    return text;
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
