#include "agent/results/results.h"

#include <gmock/gmock.h>

#include "tests/unit/results/traffic.h"

namespace shadowtap::results::test {
namespace {

using diff::Kind;
using testing::Contains;
using testing::Field;
using testing::IsEmpty;
using testing::Not;

// The demo's shop for `seconds`: a value, a missing field, a reordered array, a status and
// a slow route planted; a time and an id as noise everywhere.
void visit_shop(Results& results, int seconds) {
  std::uint64_t n = 0;
  const auto noise = [&n] {
    ++n;
    return std::vector<diff::Difference>{
        differs("$.meta.generatedAt", Kind::kValue, "\"2025-01-01T00:00:" + std::to_string(n) + "Z\"",
                "\"2025-01-01T00:01:" + std::to_string(n) + "Z\""),
        differs("$.meta.requestId", Kind::kValue, "\"a" + std::to_string(n) + "\"",
                "\"b" + std::to_string(n) + "\"")};
  };
  const auto with = [&noise](diff::Difference planted) {
    std::vector<diff::Difference> all = noise();
    all.push_back(std::move(planted));
    return all;
  };
  for (int s = 0; s < seconds; ++s) {
    for (int i = 0; i < 5; ++i) {
      const WallTime time = kStart + std::chrono::seconds(s) + i * 100ms;
      const auto id = std::to_string(s * 5 + i);
      const auto key = static_cast<std::uint64_t>(s * 5 + i + 1);
      results.add(Made("GET", "/products/" + id, time, 1000 + key)
                      .candidate(with(differs("$.price", Kind::kValue, "5." + id, "6." + id)))
                      .secondary(noise())
                      .comparison);
      results.add(Made("GET", "/users/" + id, time, 2000 + key)
                      .candidate(with(differs("$.email", Kind::kMissing, "\"e" + id + "\"", "")))
                      .secondary(noise())
                      .comparison);
      results.add(Made("GET", "/search?q=chairs", time, 1)
                      .candidate(with(differs("$.tags", Kind::kOrder, "[1,2]", "[2,1]")))
                      .secondary(noise())
                      .comparison);
      results.add(Made("GET", "/invoices/" + id, time, 3000 + key)
                      .candidate(with(differs("status", Kind::kStatus, "200", "500")))
                      .secondary(noise())
                      .status(200, 500)
                      .comparison);
      results.add(Made("GET", "/stats", time, 2)
                      .candidate(noise())
                      .secondary(noise())
                      .candidate_takes(25ms)
                      .comparison);
      results.add(Made("GET", "/health", time, 3).candidate({}).secondary({}).comparison);
    }
    results.tick(kStart + std::chrono::seconds(s + 1));
  }
}

class Shop : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = Results::open(one_service());
    ASSERT_TRUE(opened);
    results_ = std::move(*opened);
    visit_shop(*results_, 15);
  }
  std::string endpoint(const std::string& route) const {
    for (const EndpointRow& row : results_->endpoints("shop", "", 1000).rows) {
      if (row.route == route) return row.id;
    }
    return {};
  }
  std::unique_ptr<Results> results_;
};

TEST_F(Shop, FindsEachPlantedDifferenceAndNoPlantedNoise) {
  const auto found = results_->findings("shop");
  const auto is = [](const char* route, const char* path, const char* status) {
    return testing::AllOf(Field(&Finding::route, route), Field(&Finding::path, path),
                          Field(&Finding::status, status));
  };
  EXPECT_THAT(found, testing::UnorderedElementsAre(
                         is("/products/{id}", "$.price", "regression"),
                         is("/users/{id}", "$.email", "regression"),
                         is("/search", "$.tags", "regression"),
                         is("/invoices/{id}", "status", "regression"),
                         is("/stats", "(latency)", "slower")));
}

TEST_F(Shop, CallsNoiseNoiseAndSaysWhy) {
  const auto fields = results_->fields(endpoint("/products/{id}"), "", 100);
  ASSERT_TRUE(fields);
  for (const FieldRow& row : fields->rows) {
    EXPECT_EQ(row.verdict, row.path == "$.price" ? "regression" : "noise") << row.path;
    EXPECT_THAT(row.explain, testing::HasSubstr("secondary")) << row.path;
  }
  EXPECT_EQ(fields->rows.size(), 3U);
}

TEST_F(Shop, DerivesOutcomesFromTodaysStatuses) {
  const auto rows = results_->endpoints("", "", 100).rows;
  ASSERT_EQ(rows.size(), 6U);
  const auto outcomes = [&](const char* route) {
    for (const EndpointRow& row : rows) {
      if (row.route == route) return row.outcomes;
    }
    return std::map<std::string, std::uint64_t>{};
  };
  EXPECT_EQ(outcomes("/health")["match"], 75U);
  EXPECT_EQ(outcomes("/stats")["noise"], 75U);  // also those that came before it was known
  EXPECT_EQ(outcomes("/users/{id}")["mismatch"], 75U);
}

diff::Rules ignoring(diff::IgnoreRule rule) {
  diff::Rules rules;
  rules.ignore.push_back(std::move(rule));
  return rules;
}

TEST_F(Shop, IgnoredPathsMoveTheirOutcomesToIgnored) {
  results_->set_rules("shop", ignoring({.path = "$.price"}));
  const auto fields = results_->fields(endpoint("/products/{id}"), "", 100);
  ASSERT_TRUE(fields);
  EXPECT_THAT(fields->rows, Contains(testing::AllOf(Field(&FieldRow::path, "$.price"),
                                                    Field(&FieldRow::ignored, true))));
  EXPECT_THAT(results_->findings("shop"), Not(Contains(Field(&Finding::path, "$.price"))));
}

TEST_F(Shop, ARuleLiftsJustTheRegressionsOfItsRouteAndKind) {
  struct Case {
    diff::IgnoreRule rule;
    bool lifted;  // GET /users/{id} $.email (missing)
  };
  const Case cases[] = {{{.path = "$.email", .kind = "missing", .route = "/users/{id}"}, true},
                        {{.path = "$.email", .presence_only = true}, true},
                        {{.path = "$.email", .kind = "value"}, false},
                        {{.path = "$.email", .route = "/products/{id}"}, false},
                        {{.path = "$.email[0]"}, false}};
  const auto email = Contains(Field(&Finding::path, "$.email"));
  for (const Case& one : cases) {
    results_->set_rules("shop", ignoring(one.rule));
    const bool found = testing::Matches(email)(results_->findings("shop"));
    EXPECT_EQ(found, !one.lifted) << &one - cases;
  }
  results_->set_rules("shop", ignoring({.path = "$.price", .presence_only = true}));
  EXPECT_THAT(results_->findings("shop"), Contains(Field(&Finding::path, "$.price")));
}

TEST_F(Shop, PagesThroughDiffsNewestFirstWithoutGapOrRepeat) {
  DiffQuery query;
  query.limit = 7;
  std::vector<std::string> ids;
  do {
    const auto page = results_->diffs(query);
    for (const DiffRow& row : page.rows) ids.push_back(row.id);
    query.cursor = page.next;
  } while (!query.cursor.empty());
  EXPECT_GT(ids.size(), 20U);
  EXPECT_TRUE(std::is_sorted(ids.rbegin(), ids.rend()));
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
  ASSERT_TRUE(results_->diff(ids.front()));
  EXPECT_EQ(results_->diff(ids.front())->row.id, ids.front());
  EXPECT_FALSE(results_->diff("nonsense"));
}

TEST_F(Shop, FailsAndNamesTheRegressions) {
  const VerdictAnswer answer = results_->verdict("shop", {}, {});
  EXPECT_EQ(answer.verdict, "fail");
  EXPECT_THAT(answer.reasons, Contains(testing::HasSubstr("GET /users/{id} $.email (missing)")));
  EXPECT_EQ(answer.compared, 450U);
}

TEST_F(Shop, ForgettingStartsAnew) {
  EXPECT_FALSE(results_->forget("no such service"));
  EXPECT_TRUE(results_->forget("shop"));
  EXPECT_THAT(results_->endpoints("", "", 100).rows, IsEmpty());
  EXPECT_THAT(results_->findings(""), IsEmpty());
  EXPECT_THAT(results_->diffs({}).rows, IsEmpty());
  EXPECT_EQ(results_->verdict("shop", {}, {}).verdict, "inconclusive");
}

TEST(Routes, MergingFilesWhatWasCountedAnew) {
  auto results = Results::open(one_service());
  ASSERT_TRUE(results);
  std::uint64_t n = 0;
  for (char a = 'a'; a <= 'z'; ++a) {
    for (const char* rest : {"nn", "ob", "id"}) {
      (*results)->add(Made("GET", std::string("/users/") + a + rest, kStart + n * 1s, ++n)
                          .candidate({differs("$.email", Kind::kMissing, "\"e\"", "")})
                          .secondary({})
                          .comparison);
    }
  }
  const auto rows = (*results)->endpoints("", "", 100).rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].route, "/users/{id}");
  EXPECT_EQ(rows[0].exchanges, 78U);
  EXPECT_EQ(rows[0].outcomes.at("mismatch"), 78U);
  const auto found = (*results)->findings("");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].status, "regression");
  EXPECT_EQ(found[0].example_original, "\"e\"");
  for (const DiffRow& row : (*results)->diffs({}).rows) EXPECT_EQ(row.route, "/users/{id}");
}

TEST(Errors, ADeadCandidateFailsItIsNeverSilence) {
  auto results = Results::open(one_service());
  ASSERT_TRUE(results);
  for (std::uint64_t i = 0; i < 200; ++i) {
    Made made("GET", "/users/" + std::to_string(i), kStart + i * 100ms, i + 1);
    made.comparison.ending = ShadowError{http::AnswerError::kConnect};
    made.comparison.candidate->error = http::AnswerError::kConnect;
    (*results)->add(std::move(made.comparison));
  }
  const auto rows = (*results)->endpoints("", "", 10).rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].mismatch_ratio, 1);
  EXPECT_EQ((*results)->verdict("", {}, {}).verdict, "fail");
  DiffQuery errors;
  errors.outcome = "error";
  const auto diffs = (*results)->diffs(errors).rows;
  ASSERT_FALSE(diffs.empty());
  EXPECT_EQ((*results)->diff(diffs[0].id)->error, "connect");
}

// One in five of the candidate's answers never comes, beside a secondary that is well.
TEST(Errors, OfTheCandidateAloneFailItAlsoBesideASecondary) {
  auto results = Results::open(one_service());
  ASSERT_TRUE(results);
  for (std::uint64_t i = 0; i < 300; ++i) {
    Made made("GET", "/users/" + std::to_string(i), kStart + i * 100ms, i + 1);
    made.candidate({}).secondary({});
    if (i % 5 == 0) made.candidate_fails(http::AnswerError::kReset);
    (*results)->add(std::move(made.comparison));
  }
  const VerdictAnswer answer = (*results)->verdict("", {}, {});
  EXPECT_EQ(answer.verdict, "fail");
  EXPECT_THAT(answer.reasons, Contains(testing::HasSubstr("of 300 comparisons, only the candidate differed in 60")));
}

// The same on both sides is no difference, however many fail.
TEST(Errors, OfBothSidesAlikeAreNoDifference) {
  auto results = Results::open(one_service());
  ASSERT_TRUE(results);
  for (std::uint64_t i = 0; i < 600; ++i) {
    Made made("GET", "/users/" + std::to_string(i), kStart + i * 100ms, i + 1);
    made.candidate({}).secondary({});
    if (i % 10 == 0) made.candidate_fails(http::AnswerError::kTimeout);
    if (i % 10 == 5) made.secondary_fails(http::AnswerError::kTimeout);
    if (i % 10 == 7) made.candidate_fails(http::AnswerError::kTimeout).secondary_fails(http::AnswerError::kTimeout);
    (*results)->add(std::move(made.comparison));
    const std::string verdict = (*results)->verdict("", {}, {}).verdict;
    if (i % 10 == 9) {
      EXPECT_EQ(verdict, "inconclusive") << i;
    }
  }
  EXPECT_THAT((*results)->verdict("", {}, {}).reasons,
              Contains(testing::HasSubstr("only the candidate differed in 60, only the control in 60")));
}

// Nothing can be sent to it any more, so the secondary is not asked either: never silence.
TEST(Errors, AnOpenCircuitAfterAGoodStartFails) {
  auto results = Results::open(one_service());
  ASSERT_TRUE(results);
  for (std::uint64_t i = 0; i < 300; ++i) {
    Made made("GET", "/users/" + std::to_string(i), kStart + i * 100ms, i + 1);
    made.candidate({}).secondary({});
    if (i >= 200) {
      made.candidate_fails(http::AnswerError::kCircuitOpen);
      made.comparison.secondary.reset();
    }
    (*results)->add(std::move(made.comparison));
  }
  EXPECT_EQ((*results)->verdict("", {}, {}).verdict, "fail");
}

TEST(Errors, ADeadSecondaryLeavesNoControlAndNoErrors) {
  auto results = Results::open(one_service());
  ASSERT_TRUE(results);
  for (std::uint64_t i = 0; i < 600; ++i) {
    Made made("GET", "/users/" + std::to_string(i), kStart + i * 100ms, i + 1);
    made.candidate({}).secondary_fails(http::AnswerError::kCircuitOpen);
    (*results)->add(std::move(made.comparison));
  }
  EXPECT_EQ((*results)->verdict("", {}, {}).verdict, "pass");
  EXPECT_EQ((*results)->endpoints("", "", 10).rows[0].outcomes.at("error"), 0U);
}

class Repeats : public testing::Test {
 protected:
  void SetUp() override {
    ResultsOptions options = one_service();
    options.services[0].noise.resend = true;
    results_ = *Results::open(options);
  }
  std::vector<Repeat> compared(const std::string& method, std::vector<diff::Difference> found, std::uint64_t n) {
    Made made(method, "/users/" + std::to_string(n), kStart + n * 1s, n);
    made.candidate(std::move(found));
    made.comparison.exchange.request.method = method;
    made.comparison.exchange.request.target = made.comparison.target;
    made.comparison.candidate->response.body.bytes = "first";
    made.comparison.shard = 3;
    results_->add(std::move(made.comparison));
    return results_->take_repeats();
  }
  std::unique_ptr<Results> results_;
};

TEST_F(Repeats, AskTheCandidateTwiceWhereSomethingDiffersAndNobodyElseKnows) {
  EXPECT_THAT(compared("GET", {}, 1), IsEmpty());
  EXPECT_THAT(compared("POST", {differs("$.n", Kind::kValue, "1", "2")}, 2), IsEmpty());
  const auto wanted = compared("GET", {differs("$.n", Kind::kValue, "1", "2")}, 3);
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted[0].exchange.request.target, "/users/3");
  EXPECT_EQ(wanted[0].exchange.original->body.bytes, "first");
  EXPECT_EQ(wanted[0].shard, 3U);
  EXPECT_THAT(results_->take_repeats(), IsEmpty());
}

TEST_F(Repeats, ShowWhatIsNoiseAndNeverMakeTheVerdictPass) {
  for (std::uint64_t n = 1; n <= 300; ++n) {
    const auto id = std::to_string(n);
    const auto wanted = compared("GET", {differs("$.n", Kind::kValue, id, "x" + id),
                                         differs("$.total", Kind::kValue, "1" + id, "2" + id)}, n);
    for (const Repeat& one : wanted) {
      results_->add_repeat(one, all_of({differs("$.n", Kind::kValue, "x" + id, "y" + id)}));
    }
  }
  const auto fields = results_->fields(results_->endpoints("", "", 1).rows[0].id, "", 10)->rows;
  ASSERT_EQ(fields.size(), 2U);
  EXPECT_EQ(fields[0].verdict, "noise");
  EXPECT_THAT(fields[0].explain, testing::HasSubstr("the candidate's second answer"));
  EXPECT_EQ(fields[0].raw, 300U);
  EXPECT_EQ(fields[1].verdict, "insufficient");
  EXPECT_EQ(results_->verdict("", {}, {}).verdict, "fail");  // $.total: no control, each counts
}

TEST(Epoch, AnotherCandidateStartsAnewButMetricsNeverGoBack) {
  auto results = Results::open(one_service());
  ASSERT_TRUE(results);
  visit_shop(**results, 10);
  (*results)->set_epoch("shop", "http://another");
  EXPECT_THAT((*results)->findings(""), IsEmpty());
  EXPECT_EQ((*results)->verdict("", {}, {}).compared, 0U);
  std::uint64_t arrived = 0;
  for (const RouteMetrics& row : (*results)->metrics()) {
    for (const auto& [outcome, count] : row.outcomes) arrived += count;
  }
  EXPECT_EQ(arrived, 300U);
}

TEST(Verdict, TellsWhenItChanges) {
  auto results = Results::open(one_service());
  ASSERT_TRUE(results);
  visit_shop(**results, 12);
  const auto changes = (*results)->take_verdict_changes();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].before, "inconclusive");
  EXPECT_EQ(changes[0].after, "fail");
  EXPECT_TRUE((*results)->take_verdict_changes().empty());
}

TEST(Verdict, PassesAfterEnoughCleanExchanges) {
  auto results = Results::open(one_service());
  ASSERT_TRUE(results);
  for (std::uint64_t i = 0; i < 600; ++i) {
    if (i == 100) {
      EXPECT_EQ((*results)->verdict("shop", {}, {}).verdict, "inconclusive");
    }
    (*results)->add(Made("GET", "/users/" + std::to_string(i), kStart + i * 10ms, i + 1)
                        .candidate({})
                        .secondary({})
                        .comparison);
  }
  EXPECT_EQ((*results)->verdict("shop", {}, {}).verdict, "pass");
}

}  // namespace
}  // namespace shadowtap::results::test
