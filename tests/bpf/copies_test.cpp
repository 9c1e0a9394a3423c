// A packet crosses several interfaces, as on a bond, a bridge or a VLAN, and counts once:
// from the one that owns its direction, or from another that shows what is new.

#include "tests/bpf/flow_table.h"

namespace shadowtap::testing {
namespace {

class Copies : public FlowTable {
 protected:
  void pass_both(const Frame& frame) {
    pass(frame, leaf_);
    pass(frame, other_leaf_);
  }
};

INSTANTIATE_TEST_SUITE_P(InitialSequenceNumber, Copies, initial_sequence_numbers());

TEST_P(Copies, CountsEachPacketFromTheInterfaceThatOwnsTheDirection) {
  EXPECT_EQ(seen(data(0, "first"), leaf_).size(), 1u);
  EXPECT_EQ(seen(data(0, "first"), other_leaf_).size(), 0u);
  EXPECT_EQ(seen(data(0, "first"), leaf_).size(), 1u) << "a retransmission is seen again";
  EXPECT_EQ(ignored("duplicate"), 1u);
}

TEST_P(Copies, FollowsAFlowToAnotherInterface) {
  seen(data(0, "first"), leaf_);
  EXPECT_EQ(seen(data(5, "second"), other_leaf_).size(), 1u);
  EXPECT_EQ(seen(data(5, "second"), leaf_).size(), 0u);
  EXPECT_EQ(seen(data(11, "third"), other_leaf_).size(), 1u);
}

TEST_P(Copies, NothingIsOneBeforeTheFirstByteOfASide) {
  seen(syn());
  Frame first = ack(0);
  first.sequence = 0x90000000;  // before 0, as sequence numbers compare
  EXPECT_EQ(seen(first, leaf_).size(), 0u);
  first.payload = "answer";
  EXPECT_EQ(seen(first, other_leaf_).size(), 1u);
}

TEST_P(Copies, WhatMayFillAHoleIsNone) {
  const Frame second = data(100, std::string(100, 'b')), third = data(200, std::string(100, 'c'));
  seen(data(0, std::string(100, 'a')), leaf_);
  EXPECT_EQ(seen(third, other_leaf_).size(), 1u) << "it overtook the second";
  EXPECT_EQ(seen(second, leaf_).size(), 1u);
  EXPECT_EQ(seen(third, other_leaf_).size(), 1u) << "that interface owns the direction still";
  EXPECT_EQ(seen(ack(300)).size(), 1u);
  EXPECT_EQ(seen(second, leaf_).size(), 0u) << "the hole is closed";
  EXPECT_EQ(ignored("duplicate"), 1u);
}

TEST_P(Copies, WhatIsLostIsLostOnce) {
  capture::TapOptions options;
  options.ring_bytes = 128 << 10;
  load(options);
  for (std::uint32_t i = 0; i < 200; ++i) pass_both(data(i * 1000, std::string(1000, 'x')));
  EXPECT_EQ(lost("ring_full"), 1u);
  EXPECT_GT(lost("shed"), 50u);
  EXPECT_EQ(kernel_->packets().matched, 200u);
  EXPECT_EQ(ignored("duplicate"), 200u);
  for (Frame refused : {syn(), data(0, "refused whole")}) {
    refused.source.port = 40001;
    pass_both(refused);
  }
  EXPECT_EQ(lost("refused_flow"), 2u);
  Frame fragment = data(0, "the first of several");
  fragment.source.port = 40002;
  fragment.fragment = 0x2000;
  pass_both(fragment);
  EXPECT_EQ(lost("fragment"), 1u);
  expect_exact_ledger();
}

TEST_P(Copies, OfASynWithDataBeginNothing) {
  Frame first = syn();
  first.payload = "GET / HTTP/1.1\r\n\r\n";
  EXPECT_EQ(seen(first, leaf_).size(), 1u);
  EXPECT_EQ(seen(first, other_leaf_).size(), 0u);
  EXPECT_EQ(ignored("duplicate"), 1u);
}

TEST_P(Copies, AResetHasNone) {
  seen(data(0, "x"), leaf_);
  Frame rst = data(1, "");
  rst.flags = net::kRst;
  EXPECT_EQ(seen(rst, other_leaf_).size(), 1u) << "it came another way";
  EXPECT_EQ(seen(rst, leaf_).size(), 0u) << "the flow is gone";
  EXPECT_EQ(ignored("unknown_flow"), 1u);
}

}  // namespace
}  // namespace shadowtap::testing
