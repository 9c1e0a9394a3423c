#include "agent/results/routes.h"

#include <gtest/gtest.h>

#include "agent/results/route_template.h"

namespace shadowtap::results {
namespace {

TEST(ValueTemplate, TellsValuesFromWords) {
  const std::pair<const char*, const char*> cases[] = {
      {"42", "{id}"}, {"-7", "{id}"}, {"users", ""}, {"v1", ""}, {"", ""}, {"facade", ""},
      {"550e8400-e29b-41d4-a716-446655440000", "{id}"}, {"507f1f77bcf86cd799439011", "{id}"},
      {"deadbeef", ""}, {"dead8eef", "{id}"}, {"2024-05-01", "{date}"}, {"2024-05", "{date}"},
      {"2024-05-01T10:00:00Z", "{date}"}, {"42.json", "{id}.json"}, {"app.js", ""},
      {"01ARZ3NDEKTSV4RRFFQ69G5FAV", "{id}"}, {"ann@example.com", "{id}"},
      {"a-very-long-name-without-any-number", ""}, {"search", ""}};
  for (const auto& [segment, expected] : cases) EXPECT_EQ(value_template(segment), expected) << segment;
}

class Learned : public testing::Test {
 protected:
  void limit(RouteOptions options) { table_ = *RouteTable::make(options); }
  RouteIndex see(const std::string& target, const std::string& method = "GET") {
    return table_.resolve(method, target, "");
  }
  std::string name(const std::string& target) { return table_.at(see(target)).name; }

  RouteTable table_ = *RouteTable::make({});
};

TEST_F(Learned, PutsValuesOfOnePlaceIntoOneRoute) {
  EXPECT_EQ(see("/users/1?x=2"), see("/users/2#f"));
  EXPECT_EQ(name("/users/3"), "/users/{id}");
  EXPECT_EQ(name("http://shop.example/users/4"), "/users/{id}");
  EXPECT_NE(see("/users/1"), see("/users/1", "POST"));
  EXPECT_NE(see("/users/1"), see("/users/1/"));
  EXPECT_EQ(name("/"), "/");
  EXPECT_EQ(name("*"), "*");
}

TEST_F(Learned, APlaceWithManyWordsWasAValueAllAlong) {
  limit({.patterns = {}, .max_words = 5});
  std::vector<RouteIndex> before;
  for (const char* user : {"ann", "bob", "cid", "dot", "eve"}) {
    before.push_back(see(std::string("/users/") + user + "/orders"));
  }
  EXPECT_TRUE(table_.take_merges().empty());
  const RouteIndex after = see("/users/fay/orders");
  EXPECT_EQ(table_.at(after).name, "/users/{id}/orders");
  const auto merges = table_.take_merges();
  ASSERT_EQ(merges.size(), 5U);
  for (const RouteMerge& merge : merges) {
    EXPECT_EQ(merge.into, after);
    EXPECT_TRUE(table_.at(merge.from).gone);
  }
  EXPECT_EQ(see("/users/ann/orders"), after);
  EXPECT_EQ(name("/users/ann/profile"), "/users/{id}/profile");
}

TEST_F(Learned, AtTheCapGivesUpTheFullestPlaceBeforeOther) {
  limit({.patterns = {}, .max_routes = 20, .max_words = 1000});
  for (int i = 0; i < 18; ++i) see("/tags/tag" + std::string(1, static_cast<char>('a' + i)));
  see("/about");
  see("/help");
  EXPECT_EQ(name("/new"), "/new");  // made room
  EXPECT_EQ(name("/tags/other-one"), "/tags/{id}");
}

TEST_F(Learned, BeyondTheCapEverythingNewIsOther) {
  limit({.patterns = {}, .max_routes = 3});
  see("/a"), see("/b"), see("/c");
  EXPECT_EQ(name("/d"), "other");
  EXPECT_EQ(see("/e", "POST"), see("/f"));
  EXPECT_EQ(name("/a"), "/a");
}

TEST_F(Learned, ARestoredRouteIsTheOneThatItsPathsFind) {
  const RouteIndex kept = table_.restore("GET", "/users/{id}/orders");
  EXPECT_EQ(see("/users/5/orders"), kept);
}

TEST(Patterns, FollowDiffysSyntaxFirstMatchWins) {
  auto table = RouteTable::make({.patterns = {"/users/:id/orders;orders", "/files/*;file", "/users/.*;user"}});
  ASSERT_TRUE(table);
  const auto name = [&](const char* target) { return table->at(table->resolve("GET", target, "")).name; };
  EXPECT_EQ(name("/users/ann-marie.x/orders?p=1"), "orders");  // :id is not only word characters
  EXPECT_EQ(name("/users/1/orders/2"), "user");
  EXPECT_EQ(name("/files/a/b/c"), "file");
  EXPECT_EQ(name("/other/1"), "/other/{id}");
}

TEST(Patterns, CanonicalResourceWinsOverAll) {
  auto table = RouteTable::make({.patterns = {"/*;all"}});
  ASSERT_TRUE(table);
  EXPECT_EQ(table->at(table->resolve("GET", "/x", "checkout")).name, "checkout");
}

TEST(Patterns, ANameThatReadsLikeAPathIsThatPathsRoute) {
  auto table = RouteTable::make({.patterns = {"/people/*;/users/{id}"}});
  ASSERT_TRUE(table);
  const RouteIndex learned = table->resolve("GET", "/users/7", "");
  EXPECT_EQ(table->resolve("GET", "/anything", "/users/{id}"), learned);
  EXPECT_EQ(table->resolve("GET", "/people/ann", ""), learned);
  EXPECT_NE(table->resolve("POST", "/anything", "/users/{id}"), learned);
}

TEST(Patterns, SayWhatIsWrongWithThem) {
  EXPECT_FALSE(RouteTable::make({.patterns = {"/users/:id"}}));
  EXPECT_FALSE(RouteTable::make({.patterns = {"/users/(;x"}}));
}

}  // namespace
}  // namespace shadowtap::results
