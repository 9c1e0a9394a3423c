#include "agent/base/handoff.h"

#include <gtest/gtest.h>

#include <thread>

namespace shadowtap {
namespace {

TEST(Handoff, RefusesWhenFullAndCountsIt) {
  Handoff<int> queue(2);
  int value = 1;
  EXPECT_EQ(queue.push(value), HandedOver::kQueuedWakeUp);
  EXPECT_EQ(queue.push(value), HandedOver::kQueued);
  EXPECT_EQ(queue.push(value), HandedOver::kRefused);
  EXPECT_EQ(queue.refused(), 1u);
}

TEST(Handoff, AsksForAWakeUpOnlyAfterTheConsumerFoundItEmpty) {
  Handoff<int> queue(4);
  int value = 7;
  ASSERT_EQ(queue.push(value), HandedOver::kQueuedWakeUp);
  EXPECT_EQ(queue.pop(), 7);
  ASSERT_EQ(queue.push(value), HandedOver::kQueued);
  EXPECT_EQ(queue.pop(), 7);
  EXPECT_FALSE(queue.pop());
  EXPECT_EQ(queue.push(value), HandedOver::kQueuedWakeUp);
}

TEST(Handoff, CarriesEveryValueInOrderBetweenTwoThreads) {
  constexpr int kValues = 100'000;
  Handoff<int> queue(64);
  std::thread producer([&] {
    for (int i = 0; i < kValues;) {
      int value = i;
      if (queue.push(value) == HandedOver::kRefused) {
        std::this_thread::yield();
      } else {
        ++i;
      }
    }
  });
  for (int expected = 0; expected < kValues;) {
    if (const auto value = queue.pop()) {
      ASSERT_EQ(*value, expected++);
    } else {
      std::this_thread::yield();
    }
  }
  producer.join();
}

}  // namespace
}  // namespace shadowtap
