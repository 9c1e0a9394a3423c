#include "agent/stream/held_segments.h"

#include <gtest/gtest.h>

namespace shadowtap::stream {
namespace {

using Inserted = HeldSegments::Inserted;
constexpr HeldLimits kLimits{100, 8};

Inserted insert(HeldSegments& held, std::int64_t offset, std::string_view bytes) {
  return held.insert({offset, bytes, -1, true, {}}, kLimits);
}

// "10:abc 15:de"
std::string drain(HeldSegments& held) {
  std::string out;
  std::string storage;
  while (!held.empty()) {
    const Piece piece = held.pop(storage);
    if (!out.empty()) out += ' ';
    out += std::to_string(piece.offset) + ":" + std::string(piece.bytes);
  }
  return out;
}

TEST(HeldSegments, KeepsOrderWhateverTheOrderOfArrival) {
  HeldSegments held;
  EXPECT_EQ(insert(held, 20, "cc"), Inserted::kHeld);
  EXPECT_EQ(insert(held, 10, "aa"), Inserted::kHeld);
  EXPECT_EQ(insert(held, 15, "bb"), Inserted::kHeld);
  EXPECT_EQ(held.first(), 10);
  EXPECT_EQ(held.bytes(), 6U);
  EXPECT_EQ(drain(held), "10:aa 15:bb 20:cc");
  EXPECT_EQ(held.bytes(), 0U);
}

TEST(HeldSegments, TheFirstCopyOfAByteWinsAndAConflictIsSaid) {
  HeldSegments held;
  EXPECT_EQ(insert(held, 12, "CD"), Inserted::kHeld);
  EXPECT_EQ(insert(held, 12, "CD"), Inserted::kDuplicate);
  EXPECT_EQ(insert(held, 10, "abxxef"), Inserted::kConflict);
  EXPECT_EQ(insert(held, 10, "abCDef"), Inserted::kDuplicate);
  EXPECT_EQ(drain(held), "10:ab 12:CD 14:ef");
}

TEST(HeldSegments, FillsSeveralHolesAtOnce) {
  HeldSegments held;
  insert(held, 11, "B");
  insert(held, 13, "D");
  EXPECT_EQ(insert(held, 10, "aBcDe"), Inserted::kHeld);
  EXPECT_EQ(drain(held), "10:a 11:B 12:c 13:D 14:e");
}

TEST(HeldSegments, RefusesPastItsBoundsAndIsUnchanged) {
  HeldSegments held;
  EXPECT_EQ(insert(held, 0, std::string(99, 'x')), Inserted::kHeld);
  EXPECT_EQ(insert(held, 200, "yy"), Inserted::kRefused);
  EXPECT_EQ(held.bytes(), 99U);
  HeldSegments many;
  for (int i = 0; i < 8; ++i) EXPECT_EQ(insert(many, i * 10, "z"), Inserted::kHeld);
  EXPECT_EQ(insert(many, 100, "z"), Inserted::kRefused);
}

}  // namespace
}  // namespace shadowtap::stream
