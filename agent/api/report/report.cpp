#include "agent/api/report/report.h"

#include <algorithm>

#include "agent/api/report/words.h"

namespace shadowtap::api {
namespace {

constexpr std::size_t kMaxEndpoints = 1000;

struct FormatName {
  ReportFormat format;
  const char* word;
  const char* ending;
  const char* content_type;
};

constexpr FormatName kFormats[] = {
    {ReportFormat::kText, "text", ".txt", "text/plain; charset=utf-8"},
    {ReportFormat::kMarkdown, "md", ".md", "text/markdown; charset=utf-8"},
    {ReportFormat::kJson, "json", ".json", "application/json"},
    {ReportFormat::kHtml, "html", ".html", "text/html; charset=utf-8"},
    {ReportFormat::kJunit, "junit", ".xml", "application/xml"},
};

ServiceReport service_report(const Backend& backend, const ServiceLedger& ledger) {
  ServiceReport report{ledger.name, backend.results.verdict(ledger.name, {}, {}), ledger,
                       backend.results.findings(ledger.name), {}};
  report.endpoints = backend.results.endpoints(ledger.name, "", kMaxEndpoints).rows;
  return report;
}

}  // namespace

std::optional<ReportFormat> report_format(std::string_view word) {
  for (const FormatName& name : kFormats) {
    if (word == name.word) return name.format;
  }
  return std::nullopt;
}

std::optional<ReportFormat> report_format_of_file(std::string_view path) {
  for (const FormatName& name : kFormats) {
    if (path.ends_with(name.ending)) return name.format;
  }
  return std::nullopt;
}

const char* content_type(ReportFormat format) {
  const auto at = std::find_if(std::begin(kFormats), std::end(kFormats),
                               [format](const FormatName& n) { return n.format == format; });
  return at->content_type;
}

Report take_report(const Backend& backend, const std::string& service) {
  Report report{backend.version, backend.now(), {}};
  for (const ServiceLedger& ledger : backend.control.ledgers()) {
    if (!service.empty() && ledger.name != service) continue;
    report.services.push_back(service_report(backend, ledger));
  }
  return report;
}

std::string render(const Report& report, ReportFormat format) {
  switch (format) {
    case ReportFormat::kText: return render_text(report);
    case ReportFormat::kMarkdown: return render_markdown(report);
    case ReportFormat::kJson: return render_json(report);
    case ReportFormat::kHtml: return render_html(report);
    case ReportFormat::kJunit: return render_junit(report);
  }
  return {};
}

}  // namespace shadowtap::api
