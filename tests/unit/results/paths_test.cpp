// Paths read anew: ignore rules over what was counted before, and objects that turned
// out to be maps.
#include <gtest/gtest.h>

#include "agent/results/ignored_paths.h"
#include "agent/results/map_paths.h"
#include "agent/results/samples.h"

namespace shadowtap::results {
namespace {

using namespace std::chrono_literals;

bool taken(const char* aggregated, const diff::IgnoreRule& rule, diff::Kind kind = diff::Kind::kValue,
           const char* route = "/users/{id}") {
  const std::vector<diff::IgnoreRule> rules{rule};
  return IgnoredPaths(rules).take(route, aggregated, kind);
}

TEST(IgnoredPaths, FollowTheRulesNotation) {
  struct Case {
    const char* path;
    const char* rule;
    bool ignored;
  };
  const Case cases[] = {
      {"$.meta.at", "$.meta.at", true},        {"$.meta.at", "$.meta", true},
      {"$.meta.at", "$", true},                {"$.meta.at", "$.*", true},
      {"$.metadata", "$.meta", false},         {"$.a.b.price", "$..price", true},
      {"$.a[*].price.x", "$..price", true},    {"$.prices", "$..price", false},
      {"$.items[*]", "$.items[*].x", false},   {"$.a", "$.a[*]", false},
      {"$.a.b", "$['a']['b']", true},          {"$.a.b", "$.a['x','b']", true},
      {"$['a.b'].c", "$['a.b']", true},        {"$['a.b'].c", "$.a", false},
      {"$.p|$.id", "$.p|$.id", true},          {"$.p|$.id", "$.p", true},
      {"$.p|$.id", "$.id", false},             {"$.p.q|$.id", "$.p|$.id", false},
      {"$.p", "$.p|$.id", false},              {"status", "$", false},
      {"status", "status", true},              {"headers.etag", "headers.ETag", true},
      {"headers.etag", "headers.*", true},     {"headers.etag-x", "headers.etag", false},
      {"trailers.etag", "headers.etag", false}, {"cookies.sid.max-age", "cookies.sid", true},
      {"cookies.sid.x", "cookies.sid", false}, {"form.file.filename", "form.file", true},
      {"form.file.path", "form.file", false},  {"/order/item/@id", "/order/item", true},
      {"/order/item/@id", "//@id", true},      {"/order/item/@id", "/*/item/@*", true},
      {"/order/item", "/order/item/@id", false}, {"line *", "line *", true},
      {"other", "$", false},                   {"truncated", "$", false}};
  for (const Case& c : cases) EXPECT_EQ(taken(c.path, {.path = c.rule}), c.ignored) << c.path << " " << c.rule;
  EXPECT_FALSE(IgnoredPaths().take("/", "$.a", diff::Kind::kValue));
  EXPECT_FALSE(taken("$.a", {.path = "$["}));
}

// A place stands for all its indexes and keys; what the rule took of them in diff/ was never counted.
TEST(IgnoredPaths, ARuleForOneElementOrKeyDoesNotHideTheOthersOfItsPlace) {
  struct Case {
    const char* path;
    const char* one;
    const char* all;
  };
  const Case cases[] = {{"$.items[*].x", "$.items[3].x", "$.items[*].x"},
                        {"$.items[*].x", "$.items[0,1].x", "$.items[0,*].x"},
                        {"$.items[*].x", "$.items[:5].x", "$.items.*.x"},
                        {"$.m.*.x", "$.m.k.x", "$.m.*.x"},
                        {"$.m.*.x", "$.m['k']", "$.m[*]"},
                        {"/order/item/@id", "/order/item[2]/@id", "/order/item[*]/@id"},
                        {"line *", "line 12", "line *"},
                        {"byte *", "byte 4096", "byte *"}};
  for (const Case& c : cases) {
    EXPECT_FALSE(taken(c.path, {.path = c.one})) << c.one;
    EXPECT_TRUE(taken(c.path, {.path = c.all})) << c.all;
  }
}

TEST(IgnoredPaths, PresenceOnlyDoesNotHideValues) {
  const diff::IgnoreRule rule{.path = "$.price", .presence_only = true};
  EXPECT_TRUE(taken("$.price", rule, diff::Kind::kMissing));
  EXPECT_TRUE(taken("$.price", rule, diff::Kind::kExtra));
  EXPECT_FALSE(taken("$.price", rule, diff::Kind::kValue));
  EXPECT_FALSE(taken("$.price", rule, diff::Kind::kType));
}

TEST(IgnoredPaths, AKindOrARouteTakesJustThat) {
  const diff::IgnoreRule order{.path = "$.tags", .kind = "order"};
  EXPECT_TRUE(taken("$.tags", order, diff::Kind::kOrder));
  EXPECT_FALSE(taken("$.tags", order, diff::Kind::kMissing));
  const diff::IgnoreRule user{.path = "$.at", .route = "/users/{user}"};
  EXPECT_TRUE(taken("$.at", user, diff::Kind::kValue, "/users/{id}"));
  EXPECT_FALSE(taken("$.at", user, diff::Kind::kValue, "/users/me"));
  EXPECT_FALSE(taken("$.at", user, diff::Kind::kValue, "/users/{id}/orders"));
  EXPECT_FALSE(taken("$.at", user, diff::Kind::kValue, "/products/{id}"));
  EXPECT_FALSE(taken("$.at", user, diff::Kind::kValue, "other"));
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
