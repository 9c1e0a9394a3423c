// Paths read anew: ignore rules over what was counted before, and objects that turned
// out to be maps.
#include <gtest/gtest.h>

#include "agent/results/ignored_paths.h"
#include "agent/results/map_paths.h"
#include "agent/results/samples.h"

namespace shadowtap::results {
namespace {

using namespace std::chrono_literals;

TEST(IgnoredPaths, FollowTheRulesNotation) {
  struct Case {
    const char* path;
    const char* rule;
    bool ignored;
  };
  const Case cases[] = {
      {"$.meta.at", "$.meta.at", true},     {"$.meta.at", "$.meta", true},
      {"$.metadata", "$.meta", false},      {"$.a.b.price", "$..price", true},
      {"$.price", "$..price", true},        {"$.prices", "$..price", false},
      {"$.items[*].x", "$.items[3].x", true}, {"$.items[*]", "$.items[*].x", false},
      {"headers.etag", "headers.etag", true}, {"headers.etag-x", "headers.etag", false},
      {"$.a", "$.a[*]", false},             {"$.m.*.x", "$.m.k.x", true},
      {"$.a.b", "$['a']['b']", true},       {"/order/item/@id", "/order/item[2]/@id", true},
      {"$.p|$.id", "$.p|$.id", true},       {"status", "$", false}};
  for (const Case& c : cases) EXPECT_EQ(is_ignored(c.path, {c.rule}), c.ignored) << c.path << " " << c.rule;
  EXPECT_FALSE(is_ignored("$.a", {}));
}

TEST(MapPaths, OnceAMapAlwaysAMap) {
  MapPaths maps;
  EXPECT_FALSE(maps.learn("$.users.ann.age"));
  EXPECT_EQ(maps.rewrite("$.users.ann.age"), "$.users.ann.age");
  EXPECT_TRUE(maps.learn("$.users.*.age"));
  EXPECT_FALSE(maps.learn("$.users.*.name"));
  EXPECT_EQ(maps.rewrite("$.users.ann.age"), "$.users.*.age");
  EXPECT_EQ(maps.rewrite("$.users['a.b'].age"), "$.users.*.age");
  EXPECT_EQ(maps.rewrite("$.users.*.age"), "$.users.*.age");
  EXPECT_EQ(maps.rewrite("$.users[*].age"), "$.users[*].age");
  EXPECT_EQ(maps.rewrite("$.users"), "$.users");
  EXPECT_EQ(maps.rewrite("$.usersx.ann"), "$.usersx.ann");
  EXPECT_TRUE(maps.learn("$.users.*.tags.*"));
  EXPECT_EQ(maps.rewrite("$.users.ann.tags.red"), "$.users.*.tags.*");
  EXPECT_FALSE(maps.learn("byte *"));
}

Sample sample(SampleId id, WallTime time, std::size_t bytes = 100) {
  Sample made;
  made.id = id;
  made.detail.row.time = time;
  made.bytes = bytes;
  return made;
}

class SamplesTest : public testing::Test {
 protected:
  void offer(Samples& samples, WallTime time, std::size_t bytes = 100) {
    const auto wanting = samples.wanted(0, {1}, time);
    if (!wanting.empty()) samples.add(sample(samples.next_id(time), time, bytes), wanting);
  }
  WallTime start_{Duration(std::chrono::seconds(1'750'000'000))};
};

TEST_F(SamplesTest, KeepTheNewestAndAFairChoice) {
  Samples samples({.per_place = 5}, 0);
  for (int i = 0; i < 1000; ++i) offer(samples, start_ + i * 1s);
  EXPECT_LE(samples.all().size(), 10U);
  EXPECT_GE(samples.all().size(), 6U);
  EXPECT_EQ(samples.newest_of(0, 1)->detail.row.time, start_ + 999s);
  const auto middle = samples.all().begin()->second.detail.row.time;
  EXPECT_LT(middle, start_ + 900s);  // the reservoir holds old ones
  EXPECT_EQ(samples.bytes(), samples.all().size() * 100);
}

TEST_F(SamplesTest, ABurstDoesNotReplaceTheNewestEachTime) {
  Samples samples({.per_place = 1}, 0);
  for (int i = 0; i < 1000; ++i) offer(samples, start_ + i * 1us);
  EXPECT_LT(samples.take_added().size(), 30U);
}

TEST_F(SamplesTest, StayUnderTheirBytesAndTheirAge) {
  Samples samples({.per_place = 100, .max_bytes = 1000, .max_age = 60s}, 0);
  for (int i = 0; i < 50; ++i) offer(samples, start_ + i * 1s);
  EXPECT_EQ(samples.all().size(), 10U);
  samples.expire(start_ + 49s + 61s);
  EXPECT_TRUE(samples.all().empty());
  EXPECT_EQ(samples.bytes(), 0U);
}

TEST_F(SamplesTest, IdsGrowAndTellServicesApart) {
  Samples one({}, 1), two({}, 2);
  const SampleId a = one.next_id(start_), b = one.next_id(start_);
  EXPECT_LT(a, b);
  EXPECT_NE(a, two.next_id(start_));
}

}  // namespace
}  // namespace shadowtap::results
