#include "agent/capture/record.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

#include "agent/capture/counter_names.h"

namespace shadowtap::capture {
namespace {

net::Flow flow(std::uint16_t client_port) {
  return {Endpoint::v4(10, 0, 0, 1, client_port), Endpoint::v4(10, 0, 0, 2, 8080)};
}

TEST(Record, BecomesASegmentThatViewsItsPayload) {
  alignas(shadowtap_record) char memory[sizeof(shadowtap_record) + 8] = {};
  shadowtap_record record{};
  record.time_ns = 1'500;
  record.flow = to_key(flow(40000));
  record.flow_hash = 77;
  record.sequence = 0xfffffff0;
  record.acknowledgment = 5;
  record.captured = 3;
  record.flags = net::kAck | net::kPsh;
  record.direction = SHADOWTAP_TO_CLIENT;
  record.service = 63;
  std::memcpy(memory, &record, sizeof record);
  std::memcpy(memory + sizeof record, "abc-----", 8);

  const auto segment = to_segment(*reinterpret_cast<const shadowtap_record*>(memory));
  EXPECT_EQ(segment.payload, "abc");
  EXPECT_EQ(segment.payload.data(), memory + sizeof record);
  EXPECT_EQ(segment.payload_size, 3u);
  EXPECT_EQ(segment.flow, flow(40000));
  EXPECT_EQ(segment.direction, net::Direction::kToClient);
  EXPECT_EQ(segment.sequence, 0xfffffff0u);
  EXPECT_EQ(segment.acknowledgment, 5u);
  EXPECT_EQ(segment.flags, net::kAck | net::kPsh);
  EXPECT_EQ(segment.service, 63u);
  EXPECT_EQ(segment.flow_hash, 77u);
  EXPECT_EQ(segment.time.time_since_epoch(), Duration(1'500));
}

TEST(Record, AFlowSurvivesTheWayToTheKernelAndBack) {
  Endpoint six;
  six.address = {0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  six.port = 65535;
  const net::Flow flows[] = {flow(1), {six, Endpoint::v4(1, 2, 3, 4, 80)}};
  for (const net::Flow& one : flows) EXPECT_EQ(to_flow(to_key(one)), one);
}

TEST(FlowHash, SpreadsOverShardsSamplesAndVerdicts) {
  constexpr std::uint32_t kShards = 7;
  std::vector<int> shards(kShards);
  std::set<std::uint32_t> verdicts;
  int sampled = 0;
  for (std::uint16_t port = 1024; port < 1024 + 7000; ++port) {
    const auto key = to_key(flow(port));
    const std::uint64_t hash = shadowtap_flow_hash(0x123456789abcdef, &key);
    ++shards.at(shadowtap_shard_of(hash, kShards));
    verdicts.insert(shadowtap_verdict_index(hash, SHADOWTAP_TO_SERVER));
    EXPECT_LT(shadowtap_verdict_index(hash, SHADOWTAP_TO_CLIENT), 1u << SHADOWTAP_VERDICT_BITS);
    sampled += (hash >> 14 & 0xffff) < 65536 / 4;
  }
  for (const int n : shards) EXPECT_NEAR(n, 1000, 200);
  EXPECT_GT(verdicts.size(), 6500u);
  EXPECT_NEAR(sampled, 1750, 250);
}

TEST(Counters, MatchedIsWhatWasDeliveredOrLostUnderAName) {
  std::vector<std::uint64_t> sum(SHADOWTAP_COUNTERS);
  sum[SHADOWTAP_MATCHED_TO_SERVER] = 20;
  sum[SHADOWTAP_MATCHED_TO_CLIENT] = 8;
  for (std::size_t i = SHADOWTAP_LOST_RING_FULL; i <= SHADOWTAP_LOST_UNREADABLE; ++i) sum[i] = i;
  std::uint64_t lost = 0;
  const auto counts = to_packet_counts(sum);
  EXPECT_EQ(counts.matched, 28u);
  EXPECT_EQ(counts.to_server, 20u);
  for (const auto& [reason, n] : counts.lost) lost += n;
  EXPECT_EQ(lost, 3u + 4 + 5 + 6 + 7 + 8 + 9) << "each reason once";
}

}  // namespace
}  // namespace shadowtap::capture
