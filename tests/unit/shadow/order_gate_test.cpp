#include "agent/shadow/order_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shadowtap::shadow {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Ids = std::vector<http::ExchangeId>;

Time after(int ms) {
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
  EXPECT_TRUE(gate.enter(1, 7, after(0), after(0)));
  EXPECT_TRUE(gate.enter(2, 7, after(0), after(0)));
}

TEST(OrderGate, ConnectionKeepsTheOrderOfEachClient) {
  OrderGate gate(Order::kConnection, 1s);
  EXPECT_TRUE(gate.enter(1, 7, after(0), after(0)));
  EXPECT_FALSE(gate.enter(2, 7, after(1), after(1)));
  EXPECT_FALSE(gate.enter(3, 7, after(2), after(2)));
  EXPECT_TRUE(gate.enter(4, 8, after(3), after(3)));
  EXPECT_EQ(gate.held(), 2u);
  EXPECT_THAT(ended(gate, 1), ElementsAre(2));
  EXPECT_THAT(ended(gate, 2), ElementsAre(3));
  EXPECT_THAT(ended(gate, 3), IsEmpty());
  EXPECT_TRUE(gate.enter(5, 7, after(9), after(9)));
}

TEST(OrderGate, ARefusedRequestInTheMiddleDoesNotWedge) {
  OrderGate gate(Order::kConnection, 1s);
  EXPECT_TRUE(gate.enter(1, 7, after(0), after(0)));
  EXPECT_FALSE(gate.enter(2, 7, after(1), after(1)));
  EXPECT_FALSE(gate.enter(3, 7, after(2), after(2)));
  EXPECT_THAT(ended(gate, 2), IsEmpty());
  EXPECT_THAT(ended(gate, 1), ElementsAre(3));
}

TEST(OrderGate, NobodyWaitsLongerThanOrderWait) {
  OrderGate gate(Order::kConnection, 100ms);
  EXPECT_TRUE(gate.enter(1, 7, after(0), after(0)));
  EXPECT_FALSE(gate.enter(2, 7, after(1), after(1)));
  EXPECT_FALSE(gate.enter(3, 7, after(50), after(50)));
  EXPECT_THAT(expired(gate, after(100)), IsEmpty());
  EXPECT_THAT(expired(gate, after(101)), ElementsAre(2));
  EXPECT_THAT(expired(gate, after(160)), ElementsAre(3));
  EXPECT_EQ(gate.cut_waits(), 2u);
  EXPECT_THAT(ended(gate, 1), IsEmpty());
  EXPECT_THAT(ended(gate, 3), IsEmpty());
  EXPECT_THAT(ended(gate, 2), IsEmpty());
  EXPECT_TRUE(gate.enter(4, 7, after(300), after(300)));
}

TEST(OrderGate, HappensBeforeHoldsWhatBeganAfterAnotherEnded) {
  OrderGate gate(Order::kHappensBefore, 1s);
  EXPECT_TRUE(gate.enter(1, 7, after(0), after(1)));
  EXPECT_TRUE(gate.enter(2, 8, after(5), after(6)));  // overlaps 1 in production
  gate.original_ended(1, after(10));
  EXPECT_FALSE(gate.enter(3, 9, after(11), after(12)));  // 1 had ended: it must end here first
  EXPECT_TRUE(gate.enter(4, 9, after(9), after(12)));    // began before 1 ended
  EXPECT_THAT(ended(gate, 2), IsEmpty());
  EXPECT_THAT(ended(gate, 1), ElementsAre(3));
}

TEST(OrderGate, HappensBeforeForgetsOriginalsThatWereLost) {
  OrderGate gate(Order::kHappensBefore, 1s);
  EXPECT_TRUE(gate.enter(1, 7, after(0), after(1)));  // its original never ends
  EXPECT_TRUE(gate.enter(2, 7, after(50), after(51)));
  gate.original_ended(2, after(60));
  EXPECT_FALSE(gate.enter(3, 7, after(70), after(71)));
  EXPECT_THAT(ended(gate, 2), ElementsAre(3));
  EXPECT_THAT(ended(gate, 1), IsEmpty());
  EXPECT_THAT(ended(gate, 3), IsEmpty());
  EXPECT_EQ(gate.held(), 0u);
}

TEST(OrderGate, HappensBeforeFreesInOrderOfBeginning) {
  OrderGate gate(Order::kHappensBefore, 1s);
  EXPECT_TRUE(gate.enter(1, 1, after(0), after(1)));
  EXPECT_TRUE(gate.enter(2, 2, after(1), after(2)));
  gate.original_ended(1, after(10));
  gate.original_ended(2, after(20));
  EXPECT_FALSE(gate.enter(3, 3, after(15), after(16)));
  EXPECT_FALSE(gate.enter(4, 4, after(25), after(26)));
  EXPECT_THAT(ended(gate, 1), ElementsAre(3));
  EXPECT_THAT(ended(gate, 2), ElementsAre(4));
}

TEST(OrderGate, AnewNobodyIsInAndWhatHasGoneHoldsOthersBack) {
  OrderGate gate(Order::kNone, 1s);
  EXPECT_TRUE(gate.enter(1, 7, after(0), after(0)));
  gate.begin_anew(Order::kConnection, 100ms);
  gate.enter_gone(1, 7, after(0));
  EXPECT_FALSE(gate.enter(2, 7, after(1), after(1)));
  EXPECT_EQ(gate.held(), 1u);
  EXPECT_THAT(expired(gate, after(101)), ElementsAre(2));
  gate.begin_anew(Order::kHappensBefore, 100ms);
  EXPECT_EQ(gate.cut_waits(), 1u);
  EXPECT_EQ(gate.held(), 0u);
  EXPECT_THAT(ended(gate, 1), IsEmpty());
  gate.enter_gone(2, 7, after(1));
  gate.original_ended(2, after(5));
  EXPECT_FALSE(gate.enter(3, 9, after(6), after(6)));
  EXPECT_THAT(ended(gate, 2), ElementsAre(3));
}

}  // namespace
}  // namespace shadowtap::shadow
