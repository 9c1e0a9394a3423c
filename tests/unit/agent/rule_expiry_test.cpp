#include "agent/rule_expiry.h"

#include <gtest/gtest.h>

namespace shadowtap {
namespace {

using namespace std::chrono_literals;

diff::Rules rules(std::initializer_list<const char*> ends) {
  diff::Rules made;
  for (const char* end : ends) {
    diff::IgnoreRule& rule = made.ignore.emplace_back();
    rule.path = "$.a";
    rule.expires = end;
  }
  return made;
}

TEST(RuleExpiry, ReadsTimesWithZonesAndRefusesTheRest) {
  const auto noon = parse_time("2026-11-22T12:00:00Z");
  ASSERT_TRUE(noon);
  EXPECT_EQ(parse_time("2026-11-22T13:00:00.25+01:00"), noon);
  EXPECT_EQ(parse_time("2026-11-22T06:30:00-05:30"), noon);
  for (const char* wrong : {"", "tomorrow", "2026-11-22", "2026-11-22T12:00:00", "2026-11-22T12:00:00+1"}) {
    EXPECT_FALSE(parse_time(wrong)) << wrong;
  }
}

TEST(RuleExpiry, TakesOutWhatHasEndedAndSaysWhenTheNextDoes) {
  const auto all = rules({"", "2026-11-22T12:00:00Z", "2026-11-23T12:00:00Z"});
  const WallTime first = *parse_time("2026-11-22T12:00:00Z");
  EXPECT_EQ(in_force(all, first - 1s).ignore.size(), 3u);
  EXPECT_EQ(in_force(all, first).ignore.size(), 2u);
  EXPECT_EQ(next_expiry(all, first - 1s), first);
  EXPECT_EQ(next_expiry(all, first), first + 24h);
  EXPECT_EQ(next_expiry(all, first + 24h), std::nullopt);
}

}  // namespace
}  // namespace shadowtap
