#include "agent/shadow/address_turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shadowtap::shadow {
namespace {

using namespace std::chrono_literals;

std::vector<SocketAddress> three() {
  return {*literal_address("10.0.0.1", 80), *literal_address("10.0.0.2", 80),
          *literal_address("::1", 80)};
}

TEST(AddressTurns, GoRound) {
  AddressTurns turns;
  const auto list = three();
  for (int round = 0; round < 2; ++round) {
    for (const SocketAddress& address : list) EXPECT_EQ(turns.next(list), address);
  }
}

TEST(AddressTurns, WhatCouldNotBeReachedComesLastForAWhile) {
  AddressTurns turns;
  const auto list = three();
  const Time now{1h};
  turns.unreachable(list[0], now);
  turns.unreachable(list[0], now);
  EXPECT_TRUE(turns.avoided(list[0], now + 9s));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(turns.order(list, now + 1s).back(), list[0]);
  EXPECT_FALSE(turns.avoided(list[0], now + 10s));
  EXPECT_EQ(turns.order(list, now + 10s).front(), list[0]);
}

TEST(AddressTurns, NoAddressIsNoOrder) {
  EXPECT_TRUE(AddressTurns().order({}, Time{1h}).empty());
}

}  // namespace
}  // namespace shadowtap::shadow
