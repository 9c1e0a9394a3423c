// Which control speaks for a service: a secondary that comes and goes, earlier originals of
// hot keys, none; and what may be concluded from each.
#include <gmock/gmock.h>

#include "tests/unit/results/traffic.h"

namespace shadowtap::results::test {
namespace {

using diff::Kind;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class Controls : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = Results::open(one_service());
    ASSERT_TRUE(opened);
    results_ = std::move(*opened);
  }
  void add(Made& made) { results_->add(std::move(made.comparison)); }
  // One hot key, once a second: each second exchange has an earlier original.
  void poll(int i, bool fails = false) {
    Made made("GET", "/health", kStart + i * 1s, 7);
    made.original("{}");
    if (fails) made.candidate_fails(http::AnswerError::kConnect);
    add(made);
  }
  // A URL that nobody asks for again.
  Made unique(int i, Duration at) {
    Made made("GET", "/items/" + std::to_string(i), kStart + at, 1000 + static_cast<std::uint64_t>(i));
    made.original("{\"n\":" + std::to_string(i) + "}");
    return made;
  }
  VerdictAnswer verdict() const { return results_->verdict("shop", {}, {}); }
  std::vector<FieldRow> fields() const {
    const auto rows = results_->endpoints("", "", 10).rows;
    if (rows.size() != 1) return {};
    return results_->fields(rows[0].id, "", 10)->rows;
  }

  std::unique_ptr<Results> results_;
};

// Without a secondary: production itself shows what differs from one answer to the next.
TEST_F(Controls, EarlierOriginalsTellNoiseFromRegressions) {
  for (std::uint64_t i = 0; i < 120; ++i) {
    const std::uint64_t key = i / 2 + 1;  // each asked twice
    const std::string now = std::to_string(i);
    Made made("GET", "/products/" + std::to_string(key), kStart + i * 300ms, key);
    made.candidate({differs("$.price", Kind::kValue, "5", "6"), differs("$.n", Kind::kValue, now, "x" + now),
                    differs("headers.x-request-id", Kind::kValue, "a" + now, "b" + now)});
    made.original(R"({"price":5,"n":)" + now + "}");
    made.comparison.exchange.original->headers.append("X-Request-Id", "a" + now);
    add(made);
  }
  std::map<std::string, std::string> verdicts;
  for (const FieldRow& row : fields()) {
    verdicts[row.path] = row.verdict;
    EXPECT_THAT(row.explain, HasSubstr("earlier original")) << row.path;
  }
  const std::map<std::string, std::string> expected{
      {"$.price", "regression"}, {"$.n", "noise"}, {"headers.x-request-id", "noise"}};
  EXPECT_EQ(verdicts, expected);
}

// Then nobody speaks: neither the secondary nor an earlier original.
TEST_F(Controls, EarlierOriginalsAreNotAskedWhereTheSecondaryWasSentTooFarApart) {
  for (std::uint64_t i = 0; i < 60; ++i) {
    Made made("GET", "/products/7", kStart + i * 300ms, 7);
    made.candidate({differs("$.price", Kind::kValue, "5", "6")}).secondary({}).original(R"({"price":5})");
    made.comparison.secondary_speaks = false;
    add(made);
  }
  ASSERT_EQ(fields().size(), 1U);
  EXPECT_EQ(fields()[0].verdict, "insufficient");
  EXPECT_THAT(fields()[0].explain, Not(HasSubstr("earlier original")));
}

TEST_F(Controls, ErrorsOfHotKeysFailAServiceThatPassed) {
  for (int i = 0; i < 1200; ++i) poll(i);
  EXPECT_EQ(verdict().verdict, "pass");
  for (int i = 1200; i < 1260; ++i) poll(i, true);
  EXPECT_EQ(verdict().verdict, "fail");
  EXPECT_THAT(verdict().reasons, Contains(HasSubstr("of 630 comparisons, only the candidate differed in 30")));
}

// The only pairs are those of a hot key that the candidate still answers.
TEST_F(Controls, FailuresOfKeysThatComeOnceFailAServiceAsWell) {
  for (int i = 0; i < 200; ++i) poll(i);
  for (int i = 0; i < 60; ++i) {
    Made made = unique(i, 200s + i * 10ms);
    made.candidate_fails(http::AnswerError::kConnect);
    add(made);
  }
  EXPECT_EQ(verdict().verdict, "fail");
  EXPECT_THAT(verdict().reasons, Contains(HasSubstr("the candidate fails alone in 60 of 260 exchanges")));
}

// 0.4 % of all fail, far more than the hot key has pairs to set against them.
TEST_F(Controls, ErrorsOfOtherKeysAreNotAddedToThePairsOfHotOnes) {
  for (int i = 0; i < 5000; ++i) {
    if (i % 100 == 0) poll(i / 500);
    Made made = unique(i, i * 2ms);
    if (i % 250 == 1) made.candidate_fails(http::AnswerError::kTimeout);
    add(made);
  }
  EXPECT_EQ(verdict().verdict, "inconclusive");
}

TEST_F(Controls, PairsOfHotKeysAloneDoNotMakeAPass) {
  for (int i = 0; i < 1100; ++i) {
    poll(i);
    for (int j = 0; j < 9; ++j) {
      const std::string id = std::to_string(i * 9 + j);
      Made made = unique(i * 9 + j, i * 1s + j * 100ms);
      made.candidate({differs("$.n", Kind::kValue, id, "-" + id)});
      add(made);
    }
  }
  EXPECT_EQ(verdict().verdict, "inconclusive");
  EXPECT_THAT(verdict().reasons, Contains(HasSubstr("10450 of 11000 comparisons had no control")));
  EXPECT_THAT(verdict().reasons, Contains(HasSubstr("fewer than 1 % of them: it did in 9900")));
}

TEST_F(Controls, ASecondaryThatIsGoneSpeaksNoMoreUntilItIsBack) {
  for (int i = 0; i < 600; ++i) {
    Made made = unique(i, i * 100ms);
    made.secondary({});
    add(made);
  }
  EXPECT_EQ(verdict().verdict, "pass");
  results_->set_secondary("shop", false);
  EXPECT_EQ(verdict().verdict, "inconclusive");
  results_->set_secondary("shop", true);
  EXPECT_EQ(verdict().verdict, "pass");
  results_->set_secondary("shop", false);
  for (int i = 600; i < 900; ++i) {
    Made made = unique(i, i * 100ms);
    made.candidate_fails(http::AnswerError::kConnect);
    add(made);
  }
  EXPECT_EQ(verdict().verdict, "fail");
}

// What differed in each exchange while there was none is nothing that a secondary has to outweigh.
TEST_F(Controls, ASecondaryThatComesLaterBeginsAnew) {
  results_->set_secondary("shop", false);
  for (int i = 0; i < 2000; ++i) {
    Made made = unique(i, i * 10ms);
    made.candidate({differs("$.at", Kind::kValue, std::to_string(i), std::to_string(i + 1))});
    add(made);
  }
  results_->set_secondary("shop", true);
  for (int i = 2000; i < 2800; ++i) {
    Made made = unique(i, i * 10ms);
    made.secondary({});
    add(made);
  }
  EXPECT_EQ(verdict().verdict, "pass");
}

// Also where nothing came before it went: what is made anew knows that it is gone.
TEST_F(Controls, NewRoutesAndForgottenCountsKnowThatTheSecondaryIsGone) {
  results_->set_secondary("shop", false);
  const auto slow = [&](int from) {
    for (int i = from; i < from + 40; ++i) {
      Made made("GET", "/stats", kStart + i * 1s, 7);
      made.secondary({}).candidate_takes(25ms);
      add(made);
    }
    return results_->findings("shop");
  };
  EXPECT_THAT(slow(0), testing::IsEmpty());
  results_->forget("shop");
  EXPECT_THAT(slow(40), testing::IsEmpty());
  results_->set_secondary("shop", true);
  EXPECT_THAT(results_->findings("shop"), Contains(testing::Field(&Finding::status, "slower")));
}

TEST_F(Controls, ARegressionStaysOneWithoutTheSecondaryThatShowedIt) {
  for (int i = 0; i < 40; ++i) {
    Made made = unique(i, i * 1s);
    const std::string id = std::to_string(i);
    made.candidate({differs("$.n", Kind::kValue, id, "-" + id), differs("$.at", Kind::kValue, id, "1" + id)})
        .secondary({differs("$.at", Kind::kValue, id, "2" + id)});
    add(made);
  }
  results_->set_secondary("shop", false);
  ASSERT_EQ(fields().size(), 2U);
  EXPECT_EQ(fields()[0].path, "$.at");
  EXPECT_EQ(fields()[0].verdict, "insufficient");  // was noise by the secondary
  EXPECT_EQ(fields()[1].verdict, "regression");
  EXPECT_EQ(verdict().verdict, "fail");
}

}  // namespace
}  // namespace shadowtap::results::test
