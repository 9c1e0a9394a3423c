// What the program knows of a flow: loss, verdicts, pressure. Each test says what packets
// pass and which records come.

#include <chrono>
#include <thread>

#include "tests/bpf/flow_table.h"

namespace shadowtap::testing {
namespace {

using net::Direction;

INSTANTIATE_TEST_SUITE_P(InitialSequenceNumber, FlowTable, initial_sequence_numbers());

TEST_P(FlowTable, DeliversNoBareAckOfBytesThatWereSeen) {
  EXPECT_EQ(seen(data(0, std::string(100, 'a'))).size(), 1u);
  EXPECT_EQ(seen(ack(100)).size(), 0u);
  EXPECT_EQ(seen(ack(100)).size(), 0u);
  EXPECT_EQ(ignored("ack"), 2u);
}

TEST_P(FlowTable, DeliversOneAckThatCoversUnseenBytes) {
  seen(data(0, std::string(100, 'a')));
  const auto records = seen(ack(300));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].segment.acknowledgment, GetParam() + 300);
  EXPECT_EQ(records[0].bytes, "");
  EXPECT_EQ(seen(ack(300)).size(), 0u);
}

TEST_P(FlowTable, DeliversTheAckThatClosesAHole) {
  seen(data(0, std::string(100, 'a')));
  seen(data(200, std::string(100, 'c')));  // 100 … 200 is missing
  EXPECT_EQ(seen(ack(100)).size(), 0u) << "the hole may still be filled";
  EXPECT_EQ(seen(ack(300)).size(), 1u) << "its bytes arrived, and we did not see them";
  EXPECT_EQ(seen(ack(300)).size(), 0u);
}

TEST_P(FlowTable, AlwaysDeliversSynFinAndRst) {
  EXPECT_EQ(seen(syn()).size(), 1u);
  Frame fin = data(0, "");
  fin.flags = net::kFin | net::kAck;
  EXPECT_EQ(seen(fin).size(), 1u);
  Frame rst = data(1, "");
  rst.flags = net::kRst;
  EXPECT_EQ(seen(rst).size(), 1u);
  EXPECT_EQ(seen(rst).size(), 0u) << "the flow is gone";
  EXPECT_EQ(ignored("unknown_flow"), 1u);
}

TEST_P(FlowTable, SkipsUpToTheByteItWasTold) {
  seen(data(0, std::string(100, 'a')));
  kernel_->ring(0).skip(verdict(net::SkipKind::kUntil, 300));
  EXPECT_EQ(seen(data(100, std::string(100, 'b'))).size(), 0u);
  EXPECT_EQ(seen(ack(200)).size(), 0u) << "skipped is not lost";
  EXPECT_EQ(seen(data(200, std::string(101, 'c'))).size(), 1u) << "has the byte after";
  EXPECT_EQ(seen(data(250, std::string(10, 'd'))).size(), 1u) << "the verdict is spent";
  EXPECT_EQ(ignored("verdict"), 1u);
}

TEST_P(FlowTable, SkipsNoFinWithinTheSkippedPart) {
  seen(data(0, std::string(100, 'a')));
  kernel_->ring(0).skip(verdict(net::SkipKind::kUntil, 1000));
  Frame fin = data(100, "b");
  fin.flags = net::kFin | net::kAck;
  EXPECT_EQ(seen(fin).size(), 1u);
}

TEST_P(FlowTable, ARenewedVerdictGoesOn) {
  seen(data(0, std::string(100, 'a')));
  kernel_->ring(0).skip(verdict(net::SkipKind::kUntil, 300));
  EXPECT_EQ(seen(data(100, std::string(200, 'b'))).size(), 0u);
  kernel_->ring(0).skip(verdict(net::SkipKind::kUntil, 600));
  EXPECT_EQ(seen(data(300, std::string(300, 'c'))).size(), 0u);
  EXPECT_EQ(seen(data(200, std::string(100, 'b'))).size(), 0u) << "a retransmission of it";
  EXPECT_EQ(seen(data(600, "next")).size(), 1u);
  EXPECT_EQ(seen(ack(604)).size(), 0u) << "nothing of this was lost";
}

TEST_P(FlowTable, SkipsOneDirectionOnly) {
  seen(data(0, std::string(100, 'a')));
  seen(answer(0, std::string(50, 'r'), 100));
  kernel_->ring(0).skip(verdict(net::SkipKind::kUntil, 10'000, Direction::kToClient));
  EXPECT_EQ(seen(answer(50, std::string(500, 'r'), 100)).size(), 0u);
  EXPECT_EQ(seen(data(100, "the next request")).size(), 1u);
}

TEST_P(FlowTable, ASkippedDirectionStillTellsOfLossInTheOther) {
  seen(data(0, std::string(100, 'a')));
  seen(answer(0, std::string(50, 'r'), 100));
  kernel_->ring(0).skip(verdict(net::SkipKind::kUntil, 10'000, Direction::kToClient));
  // 100 … 300 of the client's never passed here, and the server has them.
  EXPECT_EQ(seen(answer(50, std::string(500, 'r'), 300)).size(), 1u);
  EXPECT_EQ(seen(answer(550, std::string(500, 'r'), 300)).size(), 0u) << "told once";
  EXPECT_EQ(seen(ack(400)).size(), 1u) << "a bare one tells as well";
}

TEST_P(FlowTable, SkipsNoEndEvenForEver) {
  seen(data(0, "not http"));
  kernel_->ring(0).skip(verdict(net::SkipKind::kForEver));
  kernel_->ring(0).skip(verdict(net::SkipKind::kForEver, 0, Direction::kToClient));
  EXPECT_EQ(seen(data(8, "more")).size(), 0u);
  Frame fin = data(12, "");
  fin.flags = net::kFin | net::kAck;
  EXPECT_EQ(seen(fin).size(), 1u);
  Frame rst = ack(13);
  rst.flags = net::kRst | net::kAck;
  EXPECT_EQ(seen(rst).size(), 1u);
  EXPECT_EQ(ignored("verdict"), 1u);
}

TEST_P(FlowTable, AnotherFlowsWordIsNotObeyed) {
  // All flows there are share 2^17 words a direction; the tag says whose it is.
  seen(data(0, "a"));
  for (std::uint16_t port = 1; port < 5000; ++port) {
    net::FlowVerdict other = verdict(net::SkipKind::kForEver);
    other.flow.client.port = static_cast<std::uint16_t>(20'000 + port);
    if (other.flow.client.port == Frame{}.source.port) continue;
    kernel_->ring(0).skip(other);
  }
  EXPECT_EQ(seen(data(1, "b")).size(), 1u);
}

TEST_P(FlowTable, ASkippedFlowIsForgottenWhenItsConnectionEnds) {
  seen(data(0, "not http"));
  kernel_->ring(0).skip(verdict(net::SkipKind::kForEver));
  kernel_->ring(0).skip(verdict(net::SkipKind::kForEver, 0, Direction::kToClient));
  Frame fin = data(8, "");
  fin.flags = net::kFin | net::kAck;
  pass(fin);
  Frame answer_fin = ack(9);
  answer_fin.flags = net::kFin | net::kAck;
  pass(answer_fin);
  pass(data(9, ""));
  EXPECT_EQ(flows_known(), 0u);
}

TEST_P(FlowTable, ForgetsFlowsThatNeverGotBeyondTheirSynFirst) {
  seen(syn());
  Frame other = data(0, "x");
  other.source.port = 40001;
  seen(other);
  EXPECT_EQ(kernel_->sweep_flows(std::chrono::hours(1)), 0u) << "neither is old";
  EXPECT_EQ(kernel_->sweep_flows(std::chrono::hours(1), Duration::zero()), 1u);
  EXPECT_EQ(flows_known(), 1u);
}

TEST_P(FlowTable, RemembersWhatItLeavesOutAsLongAsTheRest) {
  constexpr std::uint32_t kMark = 0x10000;
  capture::TapOptions options;
  options.ring_bytes = 128 << 10;
  options.mark = kMark;
  load(options);
  for (std::uint32_t i = 0; i < 200; ++i) pass(data(i * 1000, std::string(1000, 'x')));
  Frame refused = syn(), shed = data(0, "was there before the ring was full"), ours = syn();
  refused.source.port = 40001;
  shed.source.port = 40002;
  ours.source.port = 40003;
  pass(refused);
  pass(shed);
  run_program(kernel_->program(capture::HookPoint::kEgress, true), bytes_of(ours), leaf_, 1, kMark);
  for (const std::uint16_t port : {data(0, "").source.port, refused.source.port, shed.source.port}) {
    Frame from_server = answer(0, "x", 1);
    from_server.destination.port = port;
    pass(from_server);
  }
  EXPECT_EQ(lost("refused_flow"), 2u);
  EXPECT_EQ(ignored("own_traffic"), 1u);
  EXPECT_EQ(kernel_->sweep_flows(std::chrono::hours(1), Duration::zero()), 0u);
  EXPECT_EQ(flows_known(), 4u);
}

TEST_P(FlowTable, SkipsForEverUntilAnotherConnectionBegins) {
  seen(data(0, "not http"));
  kernel_->ring(0).skip(verdict(net::SkipKind::kForEver));
  EXPECT_EQ(seen(data(8, "more")).size(), 0u);
  Frame other = data(8, "other flow");
  other.source.port = 40001;
  EXPECT_EQ(seen(other).size(), 1u);
  Frame begin = syn();
  begin.sequence += 5000;
  EXPECT_EQ(seen(begin).size(), 1u);
  Frame first = data(5000, "again");
  EXPECT_EQ(seen(first).size(), 1u);
}

TEST_P(FlowTable, RefusesNewConnectionsAboveTheMarkAndShedsOldOnesOnly) {
  capture::TapOptions options;
  options.ring_bytes = 128 << 10;
  load(options);
  std::uint32_t offset = 0;
  const auto fill = [&] {
    pass(data(offset, std::string(1000, 'x')));
    offset += 1000;
  };
  for (int i = 0; i < 200; ++i) fill();  // never drained: the ring fills, then sheds
  EXPECT_EQ(lost("ring_full"), 1u);
  EXPECT_GT(lost("shed"), 50u);
  Frame stranger = syn();
  stranger.source.port = 40001;
  pass(stranger);
  stranger = data(0, "refused whole");
  stranger.source.port = 40001;
  pass(stranger);
  EXPECT_EQ(lost("refused_flow"), 2u);
  expect_exact_ledger();

  const auto delivered = drain().size();
  EXPECT_EQ(delivered, kernel_->packets().delivered);
  fill();
  pass(stranger);
  const auto records = drain();
  ASSERT_EQ(records.size(), 1u) << "the old flow is back, the refused one is not";
  EXPECT_EQ(records[0].segment.sequence, GetParam() + offset - 1000);
  EXPECT_EQ(seen(ack(offset)).size(), 1u) << "the loss is told";
  expect_exact_ledger();
}

TEST_P(FlowTable, TellsTheEndOfAShedFlow) {
  capture::TapOptions options;
  options.ring_bytes = 128 << 10;
  load(options);
  std::uint32_t offset = 0;
  for (int i = 0; i < 200; ++i, offset += 1000) pass(data(offset, std::string(1000, 'x')));
  Frame last = data(offset, std::string(10, 'y'));
  last.flags |= net::kFin;
  pass(last);
  pass(data(offset - 1000, std::string(1000, 'x')));  // still shed
  const auto records = drain();
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records.back().segment.sequence, GetParam() + offset);
  EXPECT_TRUE(records.back().segment.flags & net::kFin);
  EXPECT_EQ(records.back().bytes, std::string(10, 'y'));
  expect_exact_ledger();
}

TEST_P(FlowTable, TellsThatAHalfClosedShedFlowHadItsBytes) {
  capture::TapOptions options;
  options.ring_bytes = 128 << 10;
  load(options);
  std::uint32_t offset = 0;
  pass(data(offset++, "x"));
  Frame half_close = ack(offset);
  half_close.flags |= net::kFin;
  pass(half_close);
  // Leaves room for small records.
  for (int i = 0; i < 200; ++i, offset += 1008) pass(data(offset, std::string(1008, 'x')));
  pass(ack(offset));  // says what was lost, but the flow goes on
  Frame last = data(offset, "");
  last.flags |= net::kFin;
  pass(last);
  pass(ack(offset + 1));
  const auto records = drain();
  ASSERT_GE(records.size(), 2u);
  EXPECT_TRUE(records[records.size() - 2].segment.flags & net::kFin);
  EXPECT_EQ(records.back().segment.acknowledgment, GetParam() + offset + 1);
  expect_exact_ledger();
  EXPECT_EQ(flows_known(), 0u);
}

TEST_P(FlowTable, LeavesFlowsOfAStuckShardAlone) {
  capture::TapOptions options;
  options.shards = 2;
  load(options);  // only shard 0 ever drains
  std::size_t delivered = 0;
  for (std::uint16_t i = 0; i < 64; ++i) {
    Frame frame = data(0, "x");
    frame.source.port = static_cast<std::uint16_t>(40000 + i);
    delivered += seen(frame).size();
  }
  EXPECT_EQ(delivered + ignored("stale"), 64u);
  EXPECT_GT(delivered, 8u);
  EXPECT_GT(ignored("stale"), 8u);
}

TEST_P(FlowTable, SamplesWholeConnections) {
  capture::TapOptions options;
  options.sample_connections = 50;
  load(options);
  std::size_t taken = 0;
  for (std::uint16_t i = 0; i < 200; ++i) {
    Frame frame = data(0, "x");
    frame.source.port = static_cast<std::uint16_t>(40000 + i);
    const std::size_t request = seen(frame).size();
    EXPECT_EQ(seen(reply(frame)).size(), request) << "both directions or none";
    taken += request;
  }
  EXPECT_GT(taken, 60u);
  EXPECT_LT(taken, 140u);
}

using FullFlowTable = ProgramRun;

TEST_F(FullFlowTable, IsARefusalByName) {
  constexpr std::uint32_t kMost = 65536, kMore = 100;
  Frame syn;
  syn.flags = net::kSyn;
  for (std::uint32_t i = 0; i < kMost + kMore; ++i) {
    syn.source = Endpoint::v4(10, 1, static_cast<std::uint8_t>(i >> 16),
                              static_cast<std::uint8_t>(i >> 8), 1024);
    syn.source.port = static_cast<std::uint16_t>(1024 + (i & 0xff));
    pass(syn);
    if (i % 4096 == 0) drain();
  }
  EXPECT_EQ(kernel_->packets().delivered, kMost);
  EXPECT_EQ(lost("flow_table_full"), kMore);
  expect_exact_ledger();
  kernel_->sweep_flows(Duration::zero());
  drain();
  EXPECT_EQ(seen(syn).size(), 1u) << "there is room again";
}

using Heartbeat = ProgramRun;

TEST_F(Heartbeat, AnAbandonedProgramDisablesItselfAndADrainEnablesIt) {
  Frame frame;
  frame.payload = "x";
  EXPECT_EQ(seen(frame).size(), 1u);
  std::this_thread::sleep_for(std::chrono::milliseconds(5'100));  // the program's own limit
  pass(frame);
  EXPECT_EQ(ignored("stale"), 1u);
  pass(frame);
  EXPECT_EQ(ignored("stale"), 1u) << "it does not look at packets any more";
  drain();
  EXPECT_EQ(seen(frame).size(), 1u);
}

}  // namespace
}  // namespace shadowtap::testing
