// Hostile and huge inputs: no crash, no deep recursion, a clear answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/diff/vocabulary.h"

namespace shadowtap::diff {
namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (; times > 0; --times) out += text;
  return out;
}

std::string array_of(std::size_t size, std::size_t first, std::size_t step) {
  std::string text = "[";
  for (std::size_t i = 0; i < size; ++i) {
    if (i > 0) text += ',';
    text += std::to_string(first + i * step);
  }
  return text + "]";
}

Differences compared(const std::string& left, const std::string& right, const Rules& rules = {},
                 const Budget& budget = {}) {
  return compare(body_of(left), body_of(right), *compiled(rules), budget);
}

TEST(Limits, TenThousandDeepArraysDifferAtTheBottom) {
  const std::string open = repeated("[", 10'000);
  const std::string close = repeated("]", 10'000);
  const Differences d = compared(open + "1" + close, open + "2" + close);
  ASSERT_EQ(d.all.size(), 1u);
  EXPECT_EQ(d.all[0].path.size(), 1 + 3 * 10'000u);
  EXPECT_FALSE(d.truncated);
}

TEST(Limits, TenThousandDeepObjectsUnderRules) {
  const std::string open = repeated("{\"a\":", 10'000);
  const std::string close = repeated("}", 10'000);
  Rules rules;
  rules.tolerance.push_back({.path = "$..b", .absolute = 1.0});
  rules.ignore.push_back({.path = "$..c"});
  const Differences d = compared(open + "1" + close, open + "2" + close, rules);
  ASSERT_EQ(d.all.size(), 1u);
  EXPECT_FALSE(d.truncated);
}

TEST(Limits, DeepArraysOfDifferentDepth) {
  const std::string left = repeated("[", 9'000) + repeated("]", 9'000);
  const std::string right = repeated("[", 10'000) + repeated("]", 10'000);
  const Differences d = compared(left, right);
  EXPECT_FALSE(d.equal);
  EXPECT_FALSE(d.truncated);
}

TEST(Limits, DeepInexactArraysDoNotRecurseWithoutEnd) {
  const std::string open = repeated("[0,", 3'000);
  const std::string close = repeated("]", 3'000);
  Rules rules;
  rules.tolerance.push_back({.path = "$..*", .absolute = 0.1});
  const Differences d = compared(open + "1" + close, open + "[2]" + close, rules,
                             {.max_steps = 1'000'000});
  EXPECT_FALSE(d.equal);
}

TEST(Limits, BracketsWithoutEndAreNotJson) {
  const Differences d = compared(repeated("[", 2'000'000), repeated("[", 2'000'001));
  EXPECT_FALSE(d.equal);
}

TEST(Limits, AMillionDifferingElements) {
  const Differences d = compared(array_of(1'000'000, 0, 2), array_of(1'000'000, 1, 2));
  EXPECT_FALSE(d.equal);
  EXPECT_TRUE(d.truncated);
  EXPECT_EQ(d.all.size(), 1000u);
}

TEST(Limits, AMillionElementsWithOneInsertedAreAligned) {
  const std::string left = array_of(1'000'000, 1, 1);
  const Differences d = compared(left, "[0," + left.substr(1));
  EXPECT_THAT(lines(d), ::testing::ElementsAre("extra $[0] :  -> 0"));
}

TEST(Limits, SomeEditsInAHundredThousandElementsAreFoundExactly) {
  std::string left = "[";
  std::string right = "[";
  for (int i = 0; i < 100'000; ++i) {
    const std::string element = (i > 0 ? "," : "") + std::string("{\"id\":") + std::to_string(i) +
                                ",\"v\":1}";
    left += element;
    if (i % 10'000 != 5'000) right += element;
  }
  const Differences d = compared(left + "]", right + "]");
  EXPECT_EQ(d.all.size(), 10u);
  EXPECT_FALSE(d.truncated);
}

TEST(Limits, AHundredMegabytesGetAClearAnswer) {
  const std::string filler = repeated("\"abcdefghijklmnopqrstuvwxyz0123456789\",", 2'700'000);
  const Differences d = compared("[" + filler + "1]", "[" + filler + "2]");
  EXPECT_THAT(lines(d), ::testing::ElementsAre("value $[2700000] : 1 -> 2"));
  EXPECT_FALSE(d.truncated);
}

TEST(Limits, OneByteInTenMebibytesOfBinary) {
  std::string left(10 << 20, '\0');
  std::string right = left;
  right[7'654'321] = '\1';
  EXPECT_EQ(compared(left, right).all.at(0).path, "byte 7654321");
}

TEST(Limits, WhenTheStepsEndNothingIsClaimed) {
  const std::string left = array_of(1'000, 0, 1);
  for (const std::uint64_t steps : {1ULL, 10ULL, 100ULL, 1'000ULL, 2'500ULL}) {
    const Differences d =
        compared(left, "[-1," + left.substr(1), {}, {.max_steps = steps});
    EXPECT_FALSE(d.equal) << steps;
    EXPECT_TRUE(d.truncated || d.all.size() == 1) << steps;
  }
}

TEST(Limits, ShuffledArraysOfFewValuesDegradeHonestly) {
  std::string left = "[";
  std::string right = "[";
  for (unsigned i = 0; i < 50'000; ++i) {
    left += std::to_string(i * 2654435761U % 7) + ",";
    right += std::to_string(i * 2246822519U % 11) + ",";
  }
  const Differences d = compared(left + "0]", right + "0]");
  EXPECT_FALSE(d.equal);
  EXPECT_TRUE(d.truncated);
}

TEST(Limits, TextOfManyDifferingLines) {
  const Differences d = compared(repeated("left\n", 300'000), repeated("right\n", 300'000));
  ASSERT_EQ(d.all.size(), 1u);
  EXPECT_EQ(d.all[0].path, "line 1");
}

TEST(Limits, ShownValuesAreCutBetweenCodePoints) {
  const Differences d = compare(body_of("[\"" + repeated("ü", 500) + "\"]"), body_of("[1]"),
                                *RuleSet::none(), {.max_shown_bytes = 10});
  EXPECT_EQ(d.all.at(0).left, "\"üüüü…");
}

TEST(Limits, PathsOfDeepNodesHaveABudget) {
  const std::string open = repeated("[", 10'000);
  const std::string close = repeated("]", 10'000);
  const Differences d = compared(open + array_of(300, 0, 2) + close,
                                 open + array_of(300, 1, 2) + close);
  std::size_t bytes = 0;
  for (const auto& one : d.all) {
    bytes += one.path.size() + one.aggregated.size() + one.right_path.size();
  }
  EXPECT_LE(bytes, 4U << 20);
  EXPECT_GE(d.all.size(), 60u);
  EXPECT_TRUE(d.truncated);
}

TEST(Limits, OnePathIsShownHoweverLong) {
  const std::string key(5 << 20, 'k');
  const Differences d = compared("{\"" + key + "\":1}", "{\"" + key + "\":2}");
  EXPECT_EQ(d.all.size(), 1u);
  EXPECT_FALSE(d.truncated);
}

TEST(Limits, MapLikePathsAreAsManyAsALatchKeeps) {
  const std::string open = repeated("{\"1\":0,\"2\":0,\"3\":0,\"4\":", 100);
  const std::string close = repeated("}", 100);
  const Differences d = compared(open + "1" + close, open + "2" + close);
  ASSERT_EQ(d.all.size(), 1u);
  EXPECT_EQ(d.map_like.size(), 64u);
}

std::string element_of(std::size_t attributes, std::string_view value) {
  std::string text = "<b";
  for (std::size_t i = 0; i < attributes; ++i) {
    text += " a" + std::to_string(i) + "=\"" + std::string(value) + "\"";
  }
  return text + "/>";
}

TEST(Limits, AttributesAreChargedWhereElementsArePaired) {
  const std::string left = "<a>" + element_of(1'000, "1") + element_of(900, "2") + "</a>";
  const std::string right = "<a>" + element_of(900, "3") + element_of(1'000, "4") + "</a>";
  const std::string xml = "<?xml version=\"1.0\"?>";
  EXPECT_FALSE(compared(xml + left, xml + right, {}, {.max_differences = 10'000}).truncated);
  const Differences d = compared(xml + left, xml + right, {},
                                 {.max_differences = 10'000, .max_steps = 6'000});
  EXPECT_TRUE(d.truncated);
  EXPECT_FALSE(d.equal);
}

TEST(Limits, AnHtmlTagOfTooManyAttributesIsComparedAsText) {
  const auto media = [&](std::size_t attributes) {
    const std::string html = "<!doctype html><p x='<!--'" + element_of(attributes, ">").substr(2);
    return compared(html + "one", html + "two").media;
  };
  EXPECT_EQ(media(4'096), Media::kHtml);
  EXPECT_EQ(media(50'000), Media::kText);
}

TEST(Limits, ATagOfTooManyAttributesIsComparedAsText) {
  const std::string xml = "<?xml version=\"1.0\"?>";
  const auto media = [&](std::size_t attributes) {
    return compared(xml + element_of(attributes, "1"), xml + element_of(attributes, "2")).media;
  };
  EXPECT_EQ(media(4'096), Media::kXml);
  EXPECT_EQ(media(4'097), Media::kText);
  const std::string many = repeated("<b c=\"1\"/>", 5'000);
  EXPECT_EQ(compared(xml + "<a>" + many + "</a>", xml + "<a>" + many + "<d/></a>").media,
            Media::kXml);
}

TEST(Limits, DeepMarkupIsComparedAsText) {
  ResponseView left = body_of("");
  const std::string l = repeated("<a>", 1000) + repeated("</a>", 1000);
  const std::string r = repeated("<a>", 1001) + repeated("</a>", 1001);
  left.body = l;
  ResponseView right = body_of(r);
  const Differences d = compare(left, right, *RuleSet::none());
  EXPECT_EQ(d.media, Media::kText);
  EXPECT_FALSE(d.equal);
}

}  // namespace
}  // namespace shadowtap::diff
