#include "agent/base/text.h"

#include <gtest/gtest.h>

#include <array>

namespace shadowtap {
namespace {

using namespace std::chrono_literals;

TEST(Text, DurationsNeedAUnitAndFit) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("15m"), 15min);
  EXPECT_EQ(parse_duration("0"), 0ns);
  for (const char* wrong : {"", "5", "-5s", "s", "5 s", "1.5s", "9999999999d", "5sx"}) {
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
  }
}

TEST(Text, DurationsFormatShortestExact) {
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(900s), "15m");
  EXPECT_EQ(format_duration(0s), "0s");
}

TEST(Text, SizesTakeBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_size("64KiB"), 65536u);
  EXPECT_EQ(parse_size("4KB"), 4000u);
  EXPECT_EQ(parse_size("12"), 12u);
  for (const char* wrong : {"", "KiB", "-1", "1.5MiB", "99999999999GiB"}) {
    EXPECT_FALSE(parse_size(wrong)) << wrong;
  }
}

TEST(Text, NearestNamesWhatWasMeantOrNothing) {
  const std::array<std::string_view, 3> known{"candidate", "secondary", "interfaces"};
  EXPECT_EQ(nearest("candidat", known), "candidate");
  EXPECT_EQ(nearest("interface", known), "interfaces");
  EXPECT_FALSE(nearest("zebra", known));
}

}  // namespace
}  // namespace shadowtap
