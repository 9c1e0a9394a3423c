#include "agent/compare_stage.h"

#include <gtest/gtest.h>

#include "agent/http/hasher.h"
#include "agent/ledger.h"

namespace shadowtap {
namespace {

http::Response response(int status, std::string body) {
  http::Response made;
  made.status = status;
  made.headers.append("Content-Type", "application/json");
  made.body.size = body.size();
  made.body.bytes = std::move(body);
  return made;
}

CompareJob job(http::Response original, http::Response candidate) {
  CompareJob made;
  made.exchange.request.method = "GET";
  made.exchange.request.target = "/users/7?x=1";
  made.exchange.original = std::move(original);
  made.candidate.response = std::move(candidate);
  return made;
}

std::shared_ptr<const CompareRules> rules(const diff::Rules& from = {}) {
  auto made = CompareRules::make(from);
  EXPECT_TRUE(made.has_value());
  return *made;
}

const results::Compared& compared(const results::Comparison& comparison) {
  return std::get<results::Compared>(comparison.ending);
}

TEST(CompareStage, EqualResponsesMatchAndLeaveTheirBodiesBehind) {
  const auto comparison =
      compare_exchange(job(response(200, R"({"a":1})"), response(200, R"({"a":1})")), *rules());
  EXPECT_TRUE(compared(comparison).candidate.equal);
  EXPECT_TRUE(comparison.exchange.original->body.bytes.empty());
  EXPECT_EQ(comparison.original_status, 200);
}

TEST(CompareStage, ADifferenceKeepsTheBodies) {
  const auto comparison =
      compare_exchange(job(response(200, R"({"a":1})"), response(200, R"({"a":2})")), *rules());
  ASSERT_EQ(compared(comparison).candidate.all.size(), 1u);
  EXPECT_EQ(compared(comparison).candidate.all[0].path, "$.a");
  EXPECT_EQ(comparison.candidate->response.body.bytes, R"({"a":2})");
}

TEST(CompareStage, TheSecondarySpeaksOnlyWhenBothWereSentTogether) {
  for (const auto& [apart, speaks] : {std::pair{4, true}, std::pair{6, false}}) {
    CompareJob made = job(response(200, "{}"), response(200, "{}"));
    made.max_skew = std::chrono::milliseconds(5);
    made.secondary.emplace();
    made.secondary->response = response(200, "{}");
    made.secondary->sent = made.candidate.sent + std::chrono::milliseconds(apart);
    const auto comparison = compare_exchange(std::move(made), *rules());
    EXPECT_EQ(comparison.secondary_speaks, speaks);
    EXPECT_EQ(controlled_by(comparison), speaks ? Controlled::kSecondary : Controlled::kSkewed);
    EXPECT_TRUE(compared(comparison).control.has_value());
  }
}

// Cut as a parser cuts them: hashed only then.
http::Body kept_of(const std::string& bytes, std::size_t limit) {
  http::Body body{bytes.substr(0, limit), bytes.size(), {}};
  if (bytes.size() > limit) body.sha256 = http::sha256(bytes);
  return body;
}

CompareJob job_of_cut(const char* type, const std::string& original, const std::string& candidate) {
  CompareJob made = job(response(200, ""), response(200, ""));
  made.exchange.original->body = kept_of(original, 10);
  made.candidate.response.body = kept_of(candidate, 20);
  for (http::Response* one : {&*made.exchange.original, &made.candidate.response}) {
    one->headers = {};
    one->headers.append("Content-Type", type);
  }
  return made;
}

TEST(CompareStage, ABodyBeyondTheKeptLimitIsEqualByLengthAndHash) {
  // Cut on one side only, and on both, at different places.
  for (const std::size_t size : {15U, 30U}) {
    const std::string body(size, 'x');
    const auto comparison = compare_exchange(job_of_cut("application/json", body, body), *rules());
    EXPECT_TRUE(compared(comparison).candidate.equal) << size;
    EXPECT_TRUE(compared(comparison).candidate.all.empty()) << size;
  }
}

TEST(CompareStage, WhereItIsAnotherOneNothingIsSaidThatIsNotKnown) {
  for (const auto& [type, size] : {std::pair{"application/json", 30}, std::pair{"text/plain", 31}, std::pair{"image/png", 30}}) {
    const std::string other = std::string(static_cast<std::size_t>(size - 1), 'x') + "y";
    const auto comparison = compare_exchange(job_of_cut(type, std::string(30, 'x'), other), *rules());
    if (std::string(type) == "image/png") {
      ASSERT_EQ(compared(comparison).candidate.all.size(), 1U);
      EXPECT_EQ(compared(comparison).candidate.all[0].kind, diff::Kind::kBinary);
      continue;
    }
    ASSERT_TRUE(std::holds_alternative<http::NotComparable>(comparison.ending)) << type;
    EXPECT_EQ(std::get<http::NotComparable>(comparison.ending), http::NotComparable::kBodyCut);
  }
}

TEST(CompareStage, AnotherStatusIsFoundBesideABodyThatWasCut) {
  CompareJob made = job_of_cut("application/json", std::string(30, 'x'), R"({"error":1})");
  made.candidate.response.status = 500;
  const auto comparison = compare_exchange(std::move(made), *rules());
  ASSERT_EQ(compared(comparison).candidate.all.size(), 1U);
  EXPECT_EQ(compared(comparison).candidate.all[0].kind, diff::Kind::kStatus);
  EXPECT_FALSE(compared(comparison).candidate.notes.empty());
}

TEST(CompareStage, RulesOfARouteHoldThereOnly) {
  diff::Rules from;
  from.ignore.push_back({.path = "$.a", .kind = "", .presence_only = false, .route = "/users/{id}",
                         .reason = "", .expires = ""});
  const auto made = rules(from);
  CompareJob there = job(response(200, R"({"a":1})"), response(200, R"({"a":2})"));
  EXPECT_TRUE(compared(compare_exchange(there, *made)).candidate.equal);
  there.exchange.request.target = "/orders/7";
  EXPECT_FALSE(compared(compare_exchange(there, *made)).candidate.equal);
}

TEST(CompareStage, RoutesMatchSegmentBySegment) {
  EXPECT_TRUE(fits_route("/users/7?x=/", "/users/{id}"));
  EXPECT_TRUE(fits_route("/", "/"));
  for (const char* other : {"/users", "/users/", "/users/7/x", "/user/7", "/users//"}) {
    EXPECT_FALSE(fits_route(other, "/users/{id}")) << other;
  }
}

// Whose failure it is shows only beside what the secondary did.
TEST(CompareStage, WithoutAnAnswerTheSecondarysIsKept) {
  CompareJob made = job(response(200, "{}"), {});
  made.candidate.error = http::AnswerError::kReset;
  made.secondary_asked = true;
  made.secondary.emplace();
  made.secondary->response = response(200, "{}");
  const auto comparison = without_answer(std::move(made), results::ShadowError{http::AnswerError::kReset});
  EXPECT_EQ(std::get<results::ShadowError>(comparison.ending).error, http::AnswerError::kReset);
  EXPECT_TRUE(comparison.secondary_asked);
  ASSERT_TRUE(comparison.secondary && comparison.candidate);
  EXPECT_TRUE(comparison.secondary->ok());
  EXPECT_FALSE(comparison.candidate->ok());
  EXPECT_NE(comparison.request_key, 0U);
}

TEST(CompareStage, AClusterHeaderWidensTheKeyOfARequest) {
  const auto key = [](const char* cell, const std::string& cluster) {
    CompareJob made = job(response(200, "{}"), response(200, "{}"));
    made.exchange.request.headers.append("X-Cell", cell);
    made.cluster_header = cluster;
    return compare_exchange(std::move(made), *rules()).request_key;
  };
  EXPECT_EQ(key("a", ""), key("b", ""));
  EXPECT_NE(key("a", "X-Cell"), key("b", "X-Cell"));
  EXPECT_EQ(key("a", "X-Cell"), key("a", "X-Cell"));
}

}  // namespace
}  // namespace shadowtap
