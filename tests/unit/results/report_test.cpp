#include "agent/results/report.h"

#include <gmock/gmock.h>

namespace shadowtap::results {
namespace {

using testing::HasSubstr;
using testing::Not;

ReportInput example() {
  ReportInput input;
  input.service = "shop";
  input.generated = WallTime(std::chrono::seconds(1'750'000'000));
  input.verdict.verdict = "fail";
  input.verdict.reasons = {"regression: GET /users/{id} $.email (missing)"};
  input.verdict.compared = 450;
  input.verdict.alpha = .01;
  Finding f;
  f.service = "shop";
  f.method = "GET";
  f.route = "/users/{id}";
  f.path = "$['<b>|']";
  f.kind = "value";
  f.status = "regression";
  f.differing = 75;
  f.compared = 75;
  f.example_original = "\"a\x1b[31m<script>\"";
  f.example_candidate = "|`x`";
  f.explain = "Always differs.";
  input.findings.push_back(f);
  EndpointRow row;
  row.service = "shop";
  row.method = "GET";
  row.route = "/users/{id}";
  row.compared = 75;
  row.mismatch_ratio = 1;
  input.endpoints.push_back(row);
  row.route = "/health";
  row.mismatch_ratio = 0;
  input.endpoints.push_back(row);
  return input;
}

TEST(Report, TextShowsVerdictFindingsAndEndpoints) {
  const std::string text = render_report(example(), ReportFormat::kText);
  EXPECT_THAT(text, HasSubstr("FAIL: 1 finding, 450 compared"));
  EXPECT_THAT(text, HasSubstr("regression  GET /users/{id}"));
  EXPECT_THAT(text, HasSubstr("75 of 75"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(Report, MarkdownEscapesWhatWouldBreakATable) {
  const std::string text = render_report(example(), ReportFormat::kMarkdown);
  EXPECT_THAT(text, HasSubstr("\\|\\`x\\`"));
  EXPECT_THAT(text, Not(HasSubstr("<script>")));
}

TEST(Report, HtmlEscapesWhatCameFromTheNetwork) {
  const std::string text = render_report(example(), ReportFormat::kHtml);
  EXPECT_THAT(text, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(text, Not(HasSubstr("<script")));
  EXPECT_THAT(text, Not(HasSubstr("http")));  // nothing from elsewhere
}

TEST(Report, JunitFailsTheEndpointsWithFindings) {
  const std::string text = render_report(example(), ReportFormat::kJunit);
  EXPECT_THAT(text, HasSubstr("tests=\"3\" failures=\"2\" skipped=\"0\""));
  EXPECT_THAT(text, HasSubstr("<testcase classname=\"shop\" name=\"GET /health\"/>"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(Report, JunitSkipsAnInconclusiveVerdict) {
  ReportInput input = example();
  input.verdict.verdict = "inconclusive";
  input.findings.clear();
  EXPECT_THAT(render_report(input, ReportFormat::kJunit), HasSubstr("failures=\"0\" skipped=\"1\""));
}

TEST(Report, JsonHasASchemaAndAllThreeParts) {
  const std::string text = render_report(example(), ReportFormat::kJson);
  for (const char* part : {"\"schema\":1", "\"verdict\":{", "\"findings\":[{", "\"endpoints\":[{", "\"differing\":75"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(Report, FormatsGoByNameOrFileEnding) {
  EXPECT_EQ(report_format("xml"), ReportFormat::kJunit);
  EXPECT_EQ(report_format("txt"), ReportFormat::kText);
  EXPECT_FALSE(report_format("pdf"));
}

TEST(Report, ATableFitsItsWidth) {
  std::vector<Finding> findings = example().findings;
  findings[0].example_original.assign(500, 'x');
  const std::string table = render_findings(findings, 80);
  std::size_t line = 0;
  for (const char c : table) {
    line = c == '\n' ? 0 : line + ((static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0);
    EXPECT_LE(line, 81U);
  }
  EXPECT_EQ(render_findings({}), "No findings.\n");
}

}  // namespace
}  // namespace shadowtap::results
