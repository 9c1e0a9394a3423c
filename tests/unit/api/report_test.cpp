#include "agent/api/report/report.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "agent/api/report/words.h"

namespace shadowtap::api {
namespace {

Report one_service(const std::string& verdict) {
  ServiceReport service;
  service.name = "orders";
  service.verdict.verdict = verdict;
  service.verdict.reasons = {"$.price differs"};
  service.verdict.needs = {{"/a", 1200, 180.0}};
  service.verdict.compared = 40;
  service.verdict.alpha = 0.01;
  service.verdict.since = WallTime(std::chrono::seconds(1'700'000'000));
  service.ledger = {"orders", 9, 4, {{"method", 2}}, {{"rate", 1}}, {{"timeout", 1}}, {}, 1, {}, {}};
  service.findings = {{"orders", "GET", "/a|b", "$.price", "value", "regression", 30, 40,
                       "<1>", "\x1b[31m2\xff", "30 of 40 & the control never"}};
  service.endpoints.emplace_back();
  service.endpoints[0].method = "GET";
  service.endpoints[0].route = "/a|b";
  return {"1.2.3", WallTime(std::chrono::seconds(1'700'000'000)), {service}};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Report, LedgerSentenceNamesOnlyWhatHappened) {
  EXPECT_EQ(ledger_sentence(one_service("fail").services[0].ledger),
            "captured 9 = compared 4 + skipped 2 (method 2) + refused 1 (rate 1) + shadow error 1 "
            "(timeout 1) + in flight 1");
}

TEST(Report, CapturedTextIsHarmlessInEveryFormat) {
  const Report report = one_service("fail");
  for (const ReportFormat format : {ReportFormat::kText, ReportFormat::kMarkdown,
                                    ReportFormat::kHtml, ReportFormat::kJunit}) {
    EXPECT_FALSE(has(render(report, format), "\x1b"));
    EXPECT_FALSE(has(render(report, format), "\xff"));
  }
  EXPECT_TRUE(has(render(report, ReportFormat::kMarkdown), "GET /a\\|b |"));
  EXPECT_TRUE(has(render(report, ReportFormat::kHtml), "&lt;1&gt; → "));
  EXPECT_TRUE(has(render(report, ReportFormat::kJunit), "40 &amp; the control"));
}

TEST(Report, JunitFailsTheEndpointAndTheVerdict) {
  const std::string text = render(one_service("fail"), ReportFormat::kJunit);
  EXPECT_TRUE(has(text, "tests=\"2\" failures=\"2\" errors=\"0\" skipped=\"0\""));
  EXPECT_TRUE(has(text, "<testcase classname=\"orders\" name=\"GET /a|b\">"));
  EXPECT_TRUE(has(render(one_service("inconclusive"), ReportFormat::kJunit),
                  "<skipped message=\"inconclusive: $.price differs\"/>"));
}

TEST(Report, WhatIsInsufficientFailsNothingInJunit) {
  Report report = one_service("pass");
  report.services[0].findings[0].status = "insufficient";
  EXPECT_TRUE(has(render(report, ReportFormat::kJunit), "failures=\"0\""));
}

TEST(Report, JsonCarriesEverythingWithItsSchema) {
  const auto body = boost::json::parse(render(one_service("fail"), ReportFormat::kJson));
  EXPECT_EQ(body.at("schema").as_int64(), 1);
  const auto& service = body.at("services").at(0);
  EXPECT_EQ(service.at("findings").at(0).at("explain").as_string(),
            "30 of 40 & the control never");
  EXPECT_EQ(service.at("coverage").at("captured").as_int64(), 9);
}

TEST(Report, TextSaysVerdictReasonsNeedsAndFindings) {
  const std::string text = render(one_service("fail"), ReportFormat::kText);
  for (const char* part :
       {"orders: fail, 40 compared since 2023-11-14T22:13:20.000Z", "- $.price differs",
        "needs /a: about 1200 more comparisons, 3m at this rate", "$.price (value)  30 of 40"}) {
    EXPECT_TRUE(has(text, part)) << part << " in\n" << text;
  }
}

TEST(Report, FormatsGoByWordAndByFile) {
  EXPECT_EQ(report_format("junit"), ReportFormat::kJunit);
  EXPECT_EQ(report_format_of_file("out/r.xml"), ReportFormat::kJunit);
  EXPECT_EQ(report_format_of_file("r.md"), ReportFormat::kMarkdown);
  EXPECT_FALSE(report_format_of_file("r.pdf"));
  EXPECT_FALSE(report_format("xml"));
}

}  // namespace
}  // namespace shadowtap::api
