// The findings as they stand, as one document: for a release thread, a pipeline or a
// file. A value taken on the control thread; rendering is pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/api/backend.h"

namespace shadowtap::api {

struct ServiceReport {
  std::string name;
  results::VerdictAnswer verdict;
  ServiceLedger ledger;
  std::vector<results::Finding> findings;      // strongest first
  std::vector<results::EndpointRow> endpoints;  // the first 1,000
};

struct Report {
  std::string version;
  WallTime time;
  std::vector<ServiceReport> services;
};

enum class ReportFormat { kText, kMarkdown, kJson, kHtml, kJunit };
// text, md, json, html, junit
std::optional<ReportFormat> report_format(std::string_view word);
// By a file's ending: .txt .md .json .html .xml
std::optional<ReportFormat> report_format_of_file(std::string_view path);
const char* content_type(ReportFormat format);

// Empty service: all of them.
Report take_report(const Backend& backend, const std::string& service);
std::string render(const Report& report, ReportFormat format);

}  // namespace shadowtap::api
