// RFC 9535: the examples of its sections 2.3 and 2.5 that need no filter, and 2.7.
#include "diff/json_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diff/json_rules.h"
#include "diff/rule_path.h"
#include "diff/rules.h"

namespace shadowtap::diff {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// The values that a path selects, as JSON texts in document order.
std::vector<std::string> selected(const std::string& json, const std::string& path) {
  Rules rules;
  rules.ignore.push_back({.path = path});
  std::string error;
  const auto set = RuleSet::compile(rules, "", error);
  if (!set) return {"error: " + error};
  JsonDocument document;
  EXPECT_EQ(document.parse(json, 1000), JsonParsed::kDocument);
  JsonMarks marks;
  marks.build(document, set->compiled(), JsonMarks::all_starts(set->compiled()), 0);
  std::vector<std::string> texts;
  for (NodeId id = 0; id < document.size(); ++id) {
    if (marks[id].own) texts.emplace_back(document.raw(id));
  }
  return texts;
}

TEST(JsonPath, NameSelectors) {
  const std::string json = R"({"o":{"j j":{"k.k":3}},"'":{"@":2}})";
  EXPECT_THAT(selected(json, "$.o['j j']"), ElementsAre(R"({"k.k":3})"));
  EXPECT_THAT(selected(json, "$.o['j j']['k.k']"), ElementsAre("3"));
  EXPECT_THAT(selected(json, R"($.o["j j"]["k.k"])"), ElementsAre("3"));
  EXPECT_THAT(selected(json, R"($["'"]["@"])"), ElementsAre("2"));
}

TEST(JsonPath, WildcardSelectors) {
  const std::string json = R"({"o":{"j":1,"k":2},"a":[5,3]})";
  EXPECT_THAT(selected(json, "$[*]"), ElementsAre(R"({"j":1,"k":2})", "[5,3]"));
  EXPECT_THAT(selected(json, "$.o[*]"), ElementsAre("1", "2"));
  EXPECT_THAT(selected(json, "$.o[*,*]"), ElementsAre("1", "2"));
  EXPECT_THAT(selected(json, "$.a[*]"), ElementsAre("5", "3"));
}

TEST(JsonPath, IndexSelectors) {
  EXPECT_THAT(selected(R"(["a","b"])", "$[1]"), ElementsAre("\"b\""));
  EXPECT_THAT(selected(R"(["a","b"])", "$[-2]"), ElementsAre("\"a\""));
  EXPECT_THAT(selected(R"(["a","b"])", "$[2]"), IsEmpty());
  EXPECT_THAT(selected(R"({"1":0})", "$[1]"), IsEmpty());
}

TEST(JsonPath, SliceSelectors) {
  const std::string json = R"(["a","b","c","d","e","f","g"])";
  EXPECT_THAT(selected(json, "$[1:3]"), ElementsAre("\"b\"", "\"c\""));
  EXPECT_THAT(selected(json, "$[5:]"), ElementsAre("\"f\"", "\"g\""));
  EXPECT_THAT(selected(json, "$[1:5:2]"), ElementsAre("\"b\"", "\"d\""));
  EXPECT_THAT(selected(json, "$[5:1:-2]"), UnorderedElementsAre("\"f\"", "\"d\""));
  EXPECT_EQ(selected(json, "$[::-1]").size(), 7u);
  EXPECT_THAT(selected(json, "$[::0]"), IsEmpty());
}

TEST(JsonPath, DescendantSegments) {
  const std::string json = R"({"o":{"j":1,"k":2},"a":[5,3,[{"j":4},{"k":6}]]})";
  EXPECT_THAT(selected(json, "$..j"), ElementsAre("1", "4"));
  EXPECT_THAT(selected(json, "$..[0]"), ElementsAre("5", R"({"j":4})"));
  EXPECT_EQ(selected(json, "$..[*]").size(), 11u);
  EXPECT_EQ(selected(json, "$..*").size(), 11u);
  EXPECT_THAT(selected(json, "$.o..[*,*]"), ElementsAre("1", "2"));
  EXPECT_EQ(selected(json, "$.a..[0,1]").size(), 4u);
}

TEST(JsonPath, NullAndUnion) {
  EXPECT_THAT(selected(R"({"a":null,"b":[null]})", "$.a"), ElementsAre("null"));
  EXPECT_THAT(selected(R"({"a":null,"b":[null]})", "$.b[0]"), ElementsAre("null"));
  EXPECT_THAT(selected(R"(["a","b","c","d"])", "$[0, 3]"), ElementsAre("\"a\"", "\"d\""));
  EXPECT_THAT(selected(R"({"\u263a":1,"☺":2})", R"($["\u263A"])"), ElementsAre("1", "2"));
}

TEST(JsonPath, WrongOnesNameThePlace) {
  const auto error = [](std::string_view text) {
    RulePath path;
    std::string why;
    EXPECT_FALSE(parse_rule_path(text, path, why)) << text;
    return why;
  };
  EXPECT_EQ(error("$.a."), "at 5: expected a name or '*'");
  EXPECT_EQ(error("$.a b"), "at 4: expected '.', '[' or the end");
  EXPECT_EQ(error("$['a"), "at 5: expected a closing quote");
  EXPECT_EQ(error("$['\\q']"), "at 5: unknown escape");
  EXPECT_EQ(error("$[?@.a]"), "at 3: filters are not supported here");
  EXPECT_EQ(error("$[1,]"), "at 5: expected a name, an index, a slice or '*'");
  EXPECT_EQ(error("$[99999999999999999999]"), "at 3: expected an integer");
  EXPECT_EQ(error("a.b"),
            "at 1: expected '$', '/', status, headers., cookies., trailers., form., line or byte");
  EXPECT_EQ(error("headers."), "at 9: expected a name or '*'");
  EXPECT_EQ(error("line x"), "at 6: expected a number or '*'");
  EXPECT_EQ(error("/a/"), "at 4: expected a name");
  EXPECT_EQ(error("/a[0]"), "at 4: expected an index from 1");
  EXPECT_EQ(error("$.a|b"), "at 5: expected '$'");
}

// RFC 9535 section 2.7, and the keys of RFC 6901 section 5.
TEST(JsonPath, NormalizedPaths) {
  const auto member = [](std::string_view key) {
    std::string path = "$";
    append_member(path, key);
    return path;
  };
  EXPECT_EQ(member("a"), "$.a");
  EXPECT_EQ(member("foo"), "$.foo");
  EXPECT_EQ(member(""), "$['']");
  EXPECT_EQ(member("a/b"), "$['a/b']");
  EXPECT_EQ(member("c%d"), "$['c%d']");
  EXPECT_EQ(member("e^f"), "$['e^f']");
  EXPECT_EQ(member("g|h"), "$['g|h']");
  EXPECT_EQ(member("i\\j"), "$['i\\\\j']");
  EXPECT_EQ(member("k\"l"), "$['k\"l']");
  EXPECT_EQ(member(" "), "$[' ']");
  EXPECT_EQ(member("m~n"), "$['m~n']");
  EXPECT_EQ(member("\x0b"), "$['\\u000b']");
  EXPECT_EQ(member("'"), "$['\\'']");
}

TEST(JsonPath, WhatItWritesItReads) {
  for (const std::string key : {"a", "it's", "a\\b", "\n\t\x01", "ü", "x|y", "", "[0]"}) {
    std::string text = "$";
    append_member(text, key);
    RulePath path;
    std::string error;
    ASSERT_TRUE(parse_rule_path(text, path, error)) << text << error;
    ASSERT_EQ(path.json.size(), 1u);
    EXPECT_EQ(path.json[0].segments.at(0).selectors.at(0).name, key);
  }
}

}  // namespace
}  // namespace shadowtap::diff
