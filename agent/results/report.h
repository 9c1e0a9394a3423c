// The findings as they stand, to be read in a terminal, pasted in a release thread, or
// taken by a pipeline. Plain values in, text out: the caller has them from Results or from
// the REST API. What came from the network is escaped for each format.
//
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/results/results.h"

namespace shadowtap::results {

enum class ReportFormat : std::uint8_t { kText, kMarkdown, kJson, kHtml, kJunit };

// "text", "md", "json", "html", "junit"; also a file's ending: "txt", "xml".
std::optional<ReportFormat> report_format(std::string_view name);

struct ReportInput {
  std::string service;  // empty: all
  WallTime generated;
  VerdictAnswer verdict;
  std::vector<Finding> findings;
  std::vector<EndpointRow> endpoints;
};

// Ends with a line feed.
std::string render_report(const ReportInput& input, ReportFormat format);

// The findings alone as a table for a terminal of `width` columns.
std::string render_findings(const std::vector<Finding>& findings, std::size_t width = 100);

}  // namespace shadowtap::results
