#include "agent/shadow/order_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shadowtap::shadow {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Ids = std::vector<http::ExchangeId>;

Time at(int ms) {
  return Time{1h + std::chrono::milliseconds(ms)};
}

Ids ended(OrderGate& gate, http::ExchangeId id) {
  Ids freed;
  gate.ended(id, freed);
  return freed;
}

Ids expired(OrderGate& gate, Time now) {
  Ids freed;
  gate.expire(now, freed);
  return freed;
}

TEST(OrderGate, NoneHoldsNobody) {
  OrderGate gate(Order::kNone, 1s);
  EXPECT_TRUE(gate.enter(1, 7, at(0), at(0)));
  EXPECT_TRUE(gate.enter(2, 7, at(0), at(0)));
}

TEST(OrderGate, ConnectionKeepsTheOrderOfEachClient) {
  OrderGate gate(Order::kConnection, 1s);
  EXPECT_TRUE(gate.enter(1, 7, at(0), at(0)));
  EXPECT_FALSE(gate.enter(2, 7, at(1), at(1)));
  EXPECT_FALSE(gate.enter(3, 7, at(2), at(2)));
  EXPECT_TRUE(gate.enter(4, 8, at(3), at(3)));
  EXPECT_EQ(gate.held(), 2u);
  EXPECT_THAT(ended(gate, 1), ElementsAre(2));
  EXPECT_THAT(ended(gate, 2), ElementsAre(3));
  EXPECT_THAT(ended(gate, 3), IsEmpty());
  EXPECT_TRUE(gate.enter(5, 7, at(9), at(9)));
}

TEST(OrderGate, ARefusedRequestInTheMiddleDoesNotWedge) {
  OrderGate gate(Order::kConnection, 1s);
  EXPECT_TRUE(gate.enter(1, 7, at(0), at(0)));
  EXPECT_FALSE(gate.enter(2, 7, at(1), at(1)));
  EXPECT_FALSE(gate.enter(3, 7, at(2), at(2)));
  EXPECT_THAT(ended(gate, 2), IsEmpty());
  EXPECT_THAT(ended(gate, 1), ElementsAre(3));
}

TEST(OrderGate, NobodyWaitsLongerThanOrderWait) {
  OrderGate gate(Order::kConnection, 100ms);
  EXPECT_TRUE(gate.enter(1, 7, at(0), at(0)));
  EXPECT_FALSE(gate.enter(2, 7, at(1), at(1)));
  EXPECT_FALSE(gate.enter(3, 7, at(50), at(50)));
  EXPECT_THAT(expired(gate, at(100)), IsEmpty());
  EXPECT_THAT(expired(gate, at(101)), ElementsAre(2));
  EXPECT_THAT(expired(gate, at(160)), ElementsAre(3));
  EXPECT_EQ(gate.cut_waits(), 2u);
  EXPECT_THAT(ended(gate, 1), IsEmpty());
  EXPECT_THAT(ended(gate, 3), IsEmpty());
  EXPECT_THAT(ended(gate, 2), IsEmpty());
  EXPECT_TRUE(gate.enter(4, 7, at(300), at(300)));
}

TEST(OrderGate, HappensBeforeHoldsWhatBeganAfterAnotherEnded) {
  OrderGate gate(Order::kHappensBefore, 1s);
  EXPECT_TRUE(gate.enter(1, 7, at(0), at(1)));
  EXPECT_TRUE(gate.enter(2, 8, at(5), at(6)));  // overlaps 1 in production
  gate.original_ended(1, at(10));
  EXPECT_FALSE(gate.enter(3, 9, at(11), at(12)));  // 1 had ended: it must end here first
  EXPECT_TRUE(gate.enter(4, 9, at(9), at(12)));    // began before 1 ended
  EXPECT_THAT(ended(gate, 2), IsEmpty());
  EXPECT_THAT(ended(gate, 1), ElementsAre(3));
}

TEST(OrderGate, HappensBeforeForgetsOriginalsThatWereLost) {
  OrderGate gate(Order::kHappensBefore, 1s);
  EXPECT_TRUE(gate.enter(1, 7, at(0), at(1)));  // its original never ends
  EXPECT_TRUE(gate.enter(2, 7, at(50), at(51)));
  gate.original_ended(2, at(60));
  EXPECT_FALSE(gate.enter(3, 7, at(70), at(71)));
  EXPECT_THAT(ended(gate, 2), ElementsAre(3));
  EXPECT_THAT(ended(gate, 1), IsEmpty());
  EXPECT_THAT(ended(gate, 3), IsEmpty());
  EXPECT_EQ(gate.held(), 0u);
}

TEST(OrderGate, HappensBeforeFreesInOrderOfBeginning) {
  OrderGate gate(Order::kHappensBefore, 1s);
  EXPECT_TRUE(gate.enter(1, 1, at(0), at(1)));
  EXPECT_TRUE(gate.enter(2, 2, at(1), at(2)));
  gate.original_ended(1, at(10));
  gate.original_ended(2, at(20));
  EXPECT_FALSE(gate.enter(3, 3, at(15), at(16)));
  EXPECT_FALSE(gate.enter(4, 4, at(25), at(26)));
  EXPECT_THAT(ended(gate, 1), ElementsAre(3));
  EXPECT_THAT(ended(gate, 2), ElementsAre(4));
}

}  // namespace
}  // namespace shadowtap::shadow
