// The laws of a diff, over generated documents.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "diff/response_diff.h"
#include "tests/unit/diff/model.h"
#include "tests/unit/diff/vocabulary.h"

namespace shadowtap::diff {
namespace {

constexpr Budget kRoomy{.max_differences = 100'000, .max_steps = 50'000'000,
                        .max_shown_bytes = 1 << 20};

Differences diff(const std::string& left, const std::string& right, const Rules& rules = {}) {
  const std::vector<HeaderLine> headers = {{"Content-Type", "application/json"}};
  ResponseView l = body_of(left);
  ResponseView r = body_of(right);
  l.headers = r.headers = headers;
  return compare(l, r, *compiled(rules), kRoomy);
}

std::multiset<std::string> mirrored(const Differences& differences, bool mirror) {
  std::multiset<std::string> set;
  for (Difference d : differences.all) {
    if (mirror) {
      if (!d.right_path.empty()) std::swap(d.path, d.right_path);
      std::swap(d.left, d.right);
      if (d.kind == Kind::kMissing || d.kind == Kind::kExtra) {
        d.kind = d.kind == Kind::kMissing ? Kind::kExtra : Kind::kMissing;
      }
    }
    set.insert(line(d));
  }
  return set;
}

// Pairs of documents, half of them close to each other.
class Laws : public ::testing::TestWithParam<unsigned> {
 protected:
  void each_pair(int rounds, const std::function<void(const Value&, const Value&)>& check) {
    std::mt19937 random(GetParam());
    for (int i = 0; i < rounds && !HasFailure(); ++i) {
      const Value left = random_value(random, 4);
      const Value right = i % 2 ? edited(left, random, 1 + i % 5) : random_value(random, 4);
      SCOPED_TRACE(to_text(left) + "   against   " + to_text(right));
      check(left, right);
    }
  }
};

TEST_P(Laws, ADocumentEqualsItselfHoweverItIsWritten) {
  std::mt19937 spelling(GetParam());
  each_pair(400, [&](const Value& value, const Value&) {
    const Differences d = diff(to_text(value), to_text(value, &spelling));
    EXPECT_TRUE(d.equal) << ::testing::PrintToString(lines(d));
  });
}

TEST_P(Laws, EqualIfAndOnlyIfNothingDiffers) {
  each_pair(400, [&](const Value& left, const Value& right) {
    const Differences d = diff(to_text(left), to_text(right));
    EXPECT_EQ(d.equal, left == right);
    EXPECT_EQ(d.equal, d.all.empty());
  });
}

TEST_P(Laws, SwappingTheSidesMirrorsTheDifferences) {
  each_pair(400, [&](const Value& left, const Value& right) {
    EXPECT_EQ(mirrored(diff(to_text(left), to_text(right)), true),
              mirrored(diff(to_text(right), to_text(left)), false));
  });
}

TEST_P(Laws, TheDifferencesMakeTheLeftIntoTheRight) {
  each_pair(400, [&](const Value& left, const Value& right) {
    const Differences d = diff(to_text(left), to_text(right));
    const auto result = applied(left, d);
    ASSERT_TRUE(result) << ::testing::PrintToString(lines(d));
    EXPECT_TRUE(*result == right) << ::testing::PrintToString(lines(d)) << to_text(*result);
  });
}

TEST_P(Laws, UnderRulesThatKnowNoSideItStillMirrors) {
  Rules rules;
  rules.unordered.push_back({.path = "$..a"});
  rules.unordered.push_back({.path = "$[*]", .key = "id"});
  rules.tolerance.push_back({.path = "$..b", .absolute = 1.0});
  rules.ignore.push_back({.path = "$..name"});
  each_pair(300, [&](const Value& left, const Value& right) {
    EXPECT_EQ(mirrored(diff(to_text(left), to_text(right), rules), true),
              mirrored(diff(to_text(right), to_text(left), rules), false));
    EXPECT_TRUE(diff(to_text(left), to_text(left), rules).equal);
  });
}

TEST_P(Laws, RulesNeverMakeEqualDocumentsDiffer) {
  Rules additive;
  additive.mode = Mode::kAdditive;
  Rules shape;
  shape.mode = Mode::kShape;
  std::mt19937 spelling(GetParam());
  each_pair(200, [&](const Value& value, const Value&) {
    EXPECT_TRUE(diff(to_text(value), to_text(value, &spelling), additive).equal);
    EXPECT_TRUE(diff(to_text(value), to_text(value, &spelling), shape).equal);
  });
}

INSTANTIATE_TEST_SUITE_P(Seeds, Laws, ::testing::Values(1U, 2U, 3U, 4U, 5U));

}  // namespace
}  // namespace shadowtap::diff
