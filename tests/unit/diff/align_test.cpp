// Alignment against a brute force that looks at every way on small sequences.
#include "diff/align.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/unit/diff/vocabulary.h"

namespace shadowtap::diff {
namespace {

using Hashes = std::vector<std::uint64_t>;

// Every set of pairs that does not cross and that `allowed` admits.
template <class Allowed, class Visit>
void every_way(std::uint32_t i, std::uint32_t j, std::uint32_t a_size, std::uint32_t b_size,
               const Allowed& allowed, Matches& way, const Visit& visit) {
  visit(way);
  for (std::uint32_t x = i; x < a_size; ++x) {
    for (std::uint32_t y = j; y < b_size; ++y) {
      if (!allowed(x, y)) continue;
      way.push_back({x, y});
      every_way(x + 1, y + 1, a_size, b_size, allowed, way, visit);
      way.pop_back();
    }
  }
}

bool comes_earlier(const Matches& x, const Matches& y) {
  return std::lexicographical_compare(
      x.begin(), x.end(), y.begin(), y.end(), [](const Match& l, const Match& r) {
        return l.a != r.a ? l.a < r.a : l.b < r.b;
      });
}

Matches best_way(std::size_t a_size, std::size_t b_size,
                 const std::function<std::uint64_t(std::uint32_t, std::uint32_t)>& worth) {
  Matches best;
  std::uint64_t most = 0;
  Matches way;
  every_way(0, 0, static_cast<std::uint32_t>(a_size), static_cast<std::uint32_t>(b_size),
            [&](auto i, auto j) { return worth(i, j) > 0; }, way, [&](const Matches& candidate) {
              std::uint64_t sum = 0;
              for (const Match& m : candidate) sum += worth(m.a, m.b);
              if (sum < most || (sum == most && !comes_earlier(candidate, best))) return;
              best = candidate;
              most = sum;
            });
  return best;
}

Hashes random_sequence(std::mt19937& random, std::size_t max_size, unsigned letters) {
  Hashes sequence(random() % (max_size + 1));
  for (auto& value : sequence) value = 1 + random() % letters;
  return sequence;
}

TEST(LongestCommon, IsTheEarliestOfTheLongestOnEverySmallSequence) {
  std::mt19937 random(1);
  for (int round = 0; round < 4000; ++round) {
    const unsigned letters = 1 + static_cast<unsigned>(random() % 4);
    const Hashes a = random_sequence(random, 6, letters);
    const Hashes b = random_sequence(random, 6, letters);
    std::uint64_t steps = 100'000;
    Matches found;
    ASSERT_TRUE(longest_common({a, b, {}}, steps, found));
    ASSERT_EQ(found, best_way(a.size(), b.size(), [&](auto i, auto j) {
                return std::uint64_t{a[i] == b[j]};
              })) << ::testing::PrintToString(a) << ::testing::PrintToString(b);
  }
}

// Tolerances make "equal" a relation that is not transitive.
TEST(LongestCommon, HoldsForARelationThatIsNotTransitive) {
  std::mt19937 random(2);
  for (int round = 0; round < 3000; ++round) {
    const Hashes a = random_sequence(random, 6, 6);
    const Hashes b = random_sequence(random, 6, 6);
    const auto near = [&](std::uint32_t i, std::uint32_t j) {
      return a[i] - b[j] + 1 <= 2;  // at most one apart
    };
    const Hashes one_a(a.size(), 1);
    const Hashes one_b(b.size(), 1);
    std::uint64_t steps = 100'000;
    Matches found;
    ASSERT_TRUE(longest_common({one_a, one_b, near}, steps, found));
    ASSERT_EQ(found, best_way(a.size(), b.size(), [&](auto i, auto j) {
                return std::uint64_t{near(i, j)};
              }));
  }
}

// Longer than the first try's distance, so that the second one is taken as well.
TEST(LongestCommon, HasTheLengthOfTheTextbooksTable) {
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    const Hashes a = random_sequence(random, 120, 2 + static_cast<unsigned>(random() % 40));
    const Hashes b = random_sequence(random, 120, 2 + static_cast<unsigned>(random() % 40));
    std::vector<std::vector<std::size_t>> table(a.size() + 1,
                                                std::vector<std::size_t>(b.size() + 1, 0));
    for (std::size_t i = a.size(); i-- > 0;) {
      for (std::size_t j = b.size(); j-- > 0;) {
        table[i][j] = a[i] == b[j] ? table[i + 1][j + 1] + 1
                                   : std::max(table[i + 1][j], table[i][j + 1]);
      }
    }
    std::uint64_t steps = 10'000'000;
    Matches found;
    ASSERT_TRUE(longest_common({a, b, {}}, steps, found));
    ASSERT_EQ(found.size(), table[0][0]);
    for (std::size_t k = 0; k < found.size(); ++k) {
      ASSERT_EQ(a[found[k].a], b[found[k].b]);
      ASSERT_TRUE(k == 0 || (found[k - 1].a < found[k].a && found[k - 1].b < found[k].b));
    }
  }
}

TEST(LongestCommon, SaysWhenTheStepsDidNotSuffice) {
  Hashes a(3000);
  Hashes b(3000);
  std::mt19937 random(4);
  for (auto& value : a) value = random() % 50;
  for (auto& value : b) value = random() % 50;
  std::uint64_t steps = 20'000;
  Matches found;
  EXPECT_FALSE(longest_common({a, b, {}}, steps, found));
  EXPECT_TRUE(found.empty());
}

TEST(LongestCommon, WhatIsOnOneSideOnlyCostsNothing) {
  Hashes a;
  Hashes b;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    a.push_back(2 * i);
    b.push_back(2 * i + 1);
  }
  a.push_back(7'000'001);
  b.push_back(7'000'001);
  std::uint64_t steps = 10'000;
  Matches found;
  ASSERT_TRUE(longest_common({a, b, {}}, steps, found));
  EXPECT_THAT(found, ::testing::ElementsAre(Match{100'000, 100'000}));
}

TEST(LongestIncreasing, IsTheEarliestOfTheLongest) {
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    const std::uint32_t size = static_cast<std::uint32_t>(random() % 8);
    std::vector<std::uint32_t> order(size);
    for (std::uint32_t i = 0; i < size; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    Matches matches;
    for (std::uint32_t i = 0; i < size; ++i) matches.push_back({i, order[i]});
    ASSERT_EQ(longest_increasing(matches), best_way(size, size, [&](auto i, auto j) {
                return std::uint64_t{order[i] == j};
              }));
  }
}

TEST(MostSimilar, IsTheEarliestOfTheMostSimilar) {
  std::mt19937 random(6);
  for (int round = 0; round < 2000; ++round) {
    const std::uint32_t a = static_cast<std::uint32_t>(random() % 6);
    const std::uint32_t b = static_cast<std::uint32_t>(random() % 6);
    std::vector<std::uint32_t> table(std::size_t{a} * b);
    for (auto& value : table) value = random() % 4;
    const auto similarity = [&](std::uint32_t i, std::uint32_t j) { return table[i * b + j]; };
    ASSERT_EQ(most_similar(a, b, similarity), best_way(a, b, similarity));
  }
}

// Whole arrays of scalars against the contract's steps, each done by looking at every way.
// A scalar is a number from 0 to 4, in canonical order.
using Scalars = std::vector<unsigned>;

std::string json_of(unsigned scalar) {
  static const char* const kTexts[] = {"null", "1", "2", "\"a\"", "\"b\""};
  return kTexts[scalar];
}

std::string json_of(const Scalars& scalars) {
  std::string text = "[";
  for (const unsigned s : scalars) text += (text.size() > 1 ? "," : "") + json_of(s);
  return text + "]";
}

unsigned type_of(unsigned scalar) { return (scalar + 1) / 2; }

// Pairs of the smaller side with the other.
Matches contract_pairs(const Scalars& a, const Scalars& b) {
  const Matches common =
      best_way(a.size(), b.size(), [&](auto i, auto j) { return std::uint64_t{a[i] == b[j]}; });
  Matches all;
  std::uint32_t i = 0;
  std::uint32_t j = 0;
  const auto gap = [&](std::size_t a_end, std::size_t b_end) {
    const auto similar = best_way(a_end - i, b_end - j, [&](auto x, auto y) {
      return std::uint64_t{type_of(a[i + x]) == type_of(b[j + y]) ? 2U : 1U};
    });
    for (const Match& m : similar) all.push_back({m.a + i, m.b + j});
  };
  for (const Match& m : common) {
    gap(m.a, m.b);
    all.push_back(m);
    i = m.a + 1;
    j = m.b + 1;
  }
  gap(a.size(), b.size());
  return all;
}

std::multiset<std::string> contract_lines(const Scalars& left, const Scalars& right) {
  auto l = left;
  auto r = right;
  std::sort(l.begin(), l.end());
  std::sort(r.begin(), r.end());
  if (left == right) return {};
  if (l == r) return {"order $ : " + json_of(left) + " -> " + json_of(right)};
  const bool swap = right.size() < left.size() || (right.size() == left.size() && right < left);
  Matches pairs = swap ? contract_pairs(right, left) : contract_pairs(left, right);
  std::set<std::uint32_t> used_left;
  std::set<std::uint32_t> used_right;
  std::multiset<std::string> lines;
  const auto at = [](std::size_t i) { return "$[" + std::to_string(i) + "]"; };
  for (Match m : pairs) {
    if (swap) std::swap(m.a, m.b);
    used_left.insert(m.a);
    used_right.insert(m.b);
    if (left[m.a] == right[m.b]) continue;
    const bool same_type = type_of(left[m.a]) == type_of(right[m.b]);
    lines.insert((same_type ? "value " : "type ") + at(m.a) +
                 (m.a == m.b ? "" : " ~ " + at(m.b)) + " : " + json_of(left[m.a]) + " -> " +
                 json_of(right[m.b]));
  }
  for (std::uint32_t i = 0; i < left.size(); ++i) {
    if (!used_left.contains(i)) lines.insert("missing " + at(i) + " : " + json_of(left[i]) + " -> ");
  }
  for (std::uint32_t j = 0; j < right.size(); ++j) {
    if (!used_right.contains(j)) lines.insert("extra " + at(j) + " :  -> " + json_of(right[j]));
  }
  return lines;
}

TEST(ArrayAlignment, FollowsTheContractOnEverySmallArrayOfScalars) {
  std::mt19937 random(9);
  for (int round = 0; round < 4000 && !::testing::Test::HasFailure(); ++round) {
    const auto make = [&] {
      Scalars scalars(random() % 6);
      for (auto& s : scalars) s = static_cast<unsigned>(random() % 5);
      return scalars;
    };
    const Scalars left = make();
    const Scalars right = make();
    const auto found = diff_bodies(json_of(left), json_of(right));
    EXPECT_EQ(std::multiset<std::string>(found.begin(), found.end()), contract_lines(left, right))
        << json_of(left) << " " << json_of(right);
  }
}

}  // namespace
}  // namespace shadowtap::diff
