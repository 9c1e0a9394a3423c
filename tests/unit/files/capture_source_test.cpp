// A capture as a shard's source: everything once and in order, within the budget, never
// before its time.
#include "agent/files/capture_source.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/frames.h"
#include "tests/support/wire.h"

namespace shadowtap::files {
namespace {

using namespace std::chrono_literals;
using testing::Wire;
namespace fs = std::filesystem;

class Source : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "shadowtap-source-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<CaptureSource> open(const std::vector<testing::Packet>& packets,
                                      std::optional<double> speed) {
    const std::string path = (folder_ / "a.pcap").string();
    testing::write_capture(path, packets);
    auto file = CaptureFile::open(path, {{80}});
    EXPECT_TRUE(file);
    return std::make_unique<CaptureSource>(std::move(*file), speed);
  }

  fs::path folder_;
};

std::vector<testing::Packet> talk(std::size_t exchanges, Duration step) {
  Wire wire;
  wire.step = step;
  wire.handshake();
  for (std::size_t i = 0; i < exchanges; ++i) wire.client("question").server("answer");
  return wire.packets;
}

TEST_F(Source, AsFastAsTakenItGivesEverythingInOrderAndEnds) {
  const auto packets = talk(100, 1h);
  const auto source = open(packets, std::nullopt);
  std::vector<std::string> payloads;
  std::size_t passed = 0;
  while (!source->ended()) {
    EXPECT_FALSE(source->arm()) << "more is due";
    const std::size_t now = source->drain(7, [&](const net::Segment& segment) {
      payloads.emplace_back(segment.payload);
      EXPECT_EQ(source->clock(Time{}), segment.time);
    });
    ASSERT_GT(now, 0U);
    ASSERT_LE(now, 7U);
    passed += now;
  }
  EXPECT_EQ(passed, packets.size());
  for (std::size_t i = 0; i < packets.size(); ++i) EXPECT_EQ(payloads[i], packets[i].payload);
  EXPECT_EQ(source->drain(7, [](const net::Segment&) { FAIL(); }), 0U);
  EXPECT_TRUE(source->waits());
  EXPECT_EQ(source->descriptor(), -1);
  EXPECT_EQ(source->file().bytes_read(), source->file().file_bytes());
}

TEST_F(Source, AtAPaceNothingComesBeforeItsTime) {
  for (const double speed : {1.0, 4.0}) {
    const auto packets = talk(4, 4ms);
    const auto source = open(packets, speed);
    const Time started = std::chrono::steady_clock::now();
    const Time limit = started + 60s;
    std::size_t passed = 0;
    while (!source->ended() && std::chrono::steady_clock::now() < limit) {
      source->drain(256, [&](const net::Segment& segment) {
        const auto due = (segment.time - packets[0].fields.time) / speed;
        EXPECT_GE(std::chrono::steady_clock::now() - started, due) << "packet " << passed;
        ++passed;
      });
    }
    EXPECT_EQ(passed, packets.size()) << speed;
  }
}

TEST_F(Source, WhatIsNotDueYetLetsTheShardSleep) {
  const auto source = open(talk(1, 1h), 1.0);
  EXPECT_FALSE(source->arm()) << "the first packet is due at once";
  EXPECT_EQ(source->drain(256, [](const net::Segment&) {}), 1U);
  EXPECT_TRUE(source->arm());
  EXPECT_FALSE(source->ended());
  const Time now = std::chrono::steady_clock::now();
  const Duration ahead = source->clock(now + 10s) - source->clock(now);
  EXPECT_NEAR(std::chrono::duration<double>(ahead).count(), 10, 0.001);
}

TEST_F(Source, ClocksThatGoBackInTheFileDoNotGoBackHere) {
  auto packets = talk(2, 1ms);
  packets[5].fields.time -= 10s;
  const auto source = open(packets, std::nullopt);
  Time last{};
  source->drain(256, [&](const net::Segment&) {
    EXPECT_GE(source->clock(Time{}), last);
    last = source->clock(Time{});
  });
  EXPECT_TRUE(source->ended());
}

TEST_F(Source, AnEmptyCaptureHasEnded) {
  const auto source = open({}, 1.0);
  EXPECT_TRUE(source->ended());
  EXPECT_EQ(source->drain(256, [](const net::Segment&) { FAIL(); }), 0U);
}

TEST_F(Source, AWishToSkipChangesNothing) {
  const auto packets = talk(2, 1ms);
  const auto source = open(packets, std::nullopt);
  source->skip({.flow = packets[0].fields.flow});
  EXPECT_EQ(source->drain(256, [](const net::Segment&) {}), packets.size());
}

}  // namespace
}  // namespace shadowtap::files
