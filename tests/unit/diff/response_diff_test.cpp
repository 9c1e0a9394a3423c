#include "diff/response_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diff/hash.h"
#include "tests/unit/diff/vocabulary.h"

namespace shadowtap::diff {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ResponseView response(int status, std::span<const HeaderLine> headers, std::string_view body) {
  ResponseView view;
  view.status = status;
  view.headers = headers;
  view.body = body;
  return view;
}

TEST(Compare, EqualResponsesHaveNoDifference) {
  const std::vector<HeaderLine> headers = {{"Content-Type", "application/json"}};
  const auto view = response(200, headers, R"({"a":1})");
  const Differences d = compare(view, view, *RuleSet::none());
  EXPECT_TRUE(d.equal);
  EXPECT_THAT(d.all, IsEmpty());
  EXPECT_EQ(d.media, Media::kJson);
}

TEST(Compare, StatusHeadersAndBodyAreAllCompared) {
  const std::vector<HeaderLine> l = {{"ETag", "\"1\""}, {"Date", "yesterday"}, {"X-Old", "1"}};
  const std::vector<HeaderLine> r = {{"etag", "\"2\""}, {"Date", "today"}, {"X-New", "1"}};
  const Differences d = compare(response(200, l, R"({"a":1,"b":[1,2]})"),
                                response(500, r, R"({"b":[1,3],"c":null})"), *RuleSet::none());
  EXPECT_THAT(lines(d),
              ElementsAre("status status : 200 -> 500", "value headers.etag : \"1\" -> \"2\"",
                          "missing headers.x-old : 1 -> ", "extra headers.x-new :  -> 1",
                          "missing $.a : 1 -> ", "value $.b[1] : 2 -> 3",
                          "extra $.c :  -> null"));
}

TEST(Compare, NumbersAreExactDecimals) {
  EXPECT_THAT(diff_bodies("[1, 1.50, -0, 1e2]", "[1.0, 15e-1, 0, 100]"), IsEmpty());
  EXPECT_THAT(diff_bodies("[9223372036854775808]", "[9223372036854775809]"),
              ElementsAre("value $[0] : 9223372036854775808 -> 9223372036854775809"));
}

TEST(Compare, AnIgnoreRuleTakesItsNodeAndAllBelow) {
  Rules rules;
  rules.ignore.push_back({.path = "$..meta"});
  const auto d = compare(body_of(R"({"meta":{"t":1},"x":[{"meta":1}]})"),
                         body_of(R"({"meta":{"t":2},"x":[{"meta":2}]})"), *compiled(rules));
  EXPECT_TRUE(d.equal);
  EXPECT_TRUE(d.ignored);
  EXPECT_FALSE(compare(body_of("{}"), body_of("{ }"), *compiled(rules)).ignored);
}

TEST(Compare, ARuleHoldsForItsRouteOnly) {
  Rules rules;
  rules.ignore.push_back({.path = "$.a", .route = "/users/{id}"});
  EXPECT_TRUE(compare(body_of(R"({"a":1})"), body_of(R"({"a":2})"),
                      *compiled(rules, "/users/{id}")).equal);
  EXPECT_FALSE(compare(body_of(R"({"a":1})"), body_of(R"({"a":2})"),
                       *compiled(rules, "/orders")).equal);
}

TEST(Compare, ARuleThatDoesNotParseIsNamedWithThePlace) {
  Rules rules;
  rules.ignore.push_back({.path = "$.a"});
  rules.ignore.push_back({.path = "$.a["});
  std::string error;
  EXPECT_FALSE(RuleSet::compile(rules, "", error));
  EXPECT_EQ(error, "ignore[1] '$.a[': at 5: expected a name, an index, a slice or '*'");
}

TEST(Compare, TextDiffersByLineAndBinaryByOffset) {
  EXPECT_THAT(diff_bodies("a\nb\nc", "a\nx\nc"), ElementsAre("text line 2 : b -> x"));
  EXPECT_THAT(diff_bodies(std::string_view("\0\1\2", 3), std::string_view("\0\1\3", 3)),
              ElementsAre("binary byte 2 : 02 -> 03"));
}

// The first block of a line is lost where the second is what mix() multiplies by zero.
TEST(Compare, LinesOfOneHashAreStillTwoLines) {
  const std::string zero("\xb9\xe5\xe4\x1c\x6d\x47\x58\xbf");
  const std::string left = "price=10" + zero;
  const std::string right = "price=99" + zero;
  ASSERT_EQ(hash_bytes(left), hash_bytes(right));
  const std::vector<HeaderLine> headers = {{"Content-Type", "text/plain"}};
  const Differences d = compare(response(200, headers, "a\n" + left + "\nb"),
                                response(200, headers, "a\n" + right + "\nb"), *RuleSet::none());
  EXPECT_FALSE(d.equal);
  ASSERT_EQ(d.all.size(), 1u);
  EXPECT_EQ(d.all[0].path, "line 2");
}

TEST(Compare, WhatWasMapLikeOnceStaysSo) {
  const auto few_left = body_of(R"({"users":{"alice":1}})");
  const auto few_right = body_of(R"({"users":{"alice":2}})");
  EXPECT_EQ(compare(few_left, few_right, *RuleSet::none()).all.at(0).aggregated, "$.users.alice");

  MapLikePaths latched;
  const Differences many =
      compare(body_of(R"({"users":{"1":1,"2":1,"3":1,"alice":1}})"),
              body_of(R"({"users":{"1":1,"2":1,"3":1,"alice":2}})"), *RuleSet::none());
  latched.insert(many.map_like.begin(), many.map_like.end());
  EXPECT_THAT(latched, ElementsAre("$.users"));

  const Differences few = compare(few_left, few_right, *RuleSet::none(), {}, &latched);
  EXPECT_EQ(few.all.at(0).aggregated, "$.users.*");
  EXPECT_EQ(few.all.at(0).path, "$.users.alice");
  EXPECT_THAT(few.map_like, IsEmpty());
}

TEST(Compare, MediaTypesAreNamedOrSniffed) {
  const auto media = [](std::string_view type, std::string_view body) {
    const std::vector<HeaderLine> headers = {{"content-type", type}};
    ResponseView view = body_of(body);
    if (!type.empty()) view.headers = headers;
    return to_string(media_of(view));
  };
  EXPECT_EQ(media("Application/JSON; charset=UTF-8", ""), "json");
  EXPECT_EQ(media("application/vnd.api+json", ""), "json");
  EXPECT_EQ(media("application/x-ndjson", ""), "ndjson");
  EXPECT_EQ(media("image/svg+xml", ""), "xml");
  EXPECT_EQ(media("text/html", ""), "html");
  EXPECT_EQ(media("application/x-www-form-urlencoded", ""), "form");
  EXPECT_EQ(media("multipart/mixed; boundary=\"x y\"", ""), "multipart");
  EXPECT_EQ(media("multipart/mixed", "a"), "text");
  EXPECT_EQ(media("text/css", "\xff"), "text");
  EXPECT_EQ(media("image/png", std::string_view("\0\1", 2)), "binary");
  EXPECT_EQ(media("", " \n{\"a\":1}"), "json");
  EXPECT_EQ(media("", "<?xml version='1.0'?><a/>"), "xml");
  EXPECT_EQ(media("", "<!doctype HTML><p>"), "html");
  EXPECT_EQ(media("", "hello"), "text");
  EXPECT_EQ(media("application/octet-stream", "[1]"), "json");
  EXPECT_EQ(media("", "\xff\xfe"), "binary");
}

}  // namespace
}  // namespace shadowtap::diff
