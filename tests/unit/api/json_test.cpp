#include "agent/api/json.h"

#include <gtest/gtest.h>

namespace shadowtap::api {
namespace {

using namespace std::chrono_literals;

TEST(Json, BytesThatAreNoUtf8BecomeReplacementCharacters) {
  EXPECT_EQ(shown("caf\xc3\xa9 \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xf0\x9f\x98\x80");
  EXPECT_EQ(shown("a\xff" "b"), "a\xef\xbf\xbd" "b");
  EXPECT_EQ(shown("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd") << "overlong";
  EXPECT_EQ(shown("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") << "surrogate";
  EXPECT_EQ(shown("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd") << "cut";
}

TEST(Json, NumbersThatAreNotFiniteAreNull) {
  EXPECT_TRUE(shown(0.0 / 0.0).is_null());
  EXPECT_EQ(shown(0.5).as_double(), 0.5);
}

TEST(Json, TextIsCompactAndReadsBack) {
  const json::value value = json::parse(
      R"({"a":[1,-2.5,0.25,1e300,true,null,{}],"q\"":"\u0001x","b":{"c":[[]],"d":18446744073709551615}})");
  EXPECT_EQ(to_text(value),
            R"({"a":[1,-2.5,0.25,1e+300,true,null,{}],"q\"":"\u0001x","b":{"c":[[]],"d":18446744073709551615}})");
  EXPECT_EQ(json::parse(to_text(value)), value);
}

TEST(Json, TimesGoThereAndBack) {
  const WallTime time = WallTime(1'700'000'000'250ms);
  EXPECT_EQ(to_rfc3339(time), "2023-11-14T22:13:20.250Z");
  EXPECT_EQ(parse_rfc3339("2023-11-14T22:13:20.250Z"), time);
  EXPECT_EQ(parse_rfc3339("2023-11-15T00:13:20.25+02:00"), time);
}

TEST(Json, WhatIsNoTimeIsRefused) {
  for (const char* wrong : {"", "2023", "2023-02-30T00:00:00Z", "2023-11-14 22:13:20Z",
                            "2023-11-14T22:13:20", "2023-11-14T24:00:00Z",
                            "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20Zx",
                            "-023-11-14T22:13:20Z"}) {
    EXPECT_FALSE(parse_rfc3339(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace shadowtap::api
