// The findings as one document: what `shadowtap report` prints.
#include "agent/api/calls/calls.h"
#include "agent/api/query.h"
#include "agent/api/report/report.h"

namespace shadowtap::api {
namespace {

Response report(const Backend& backend, const Request& request) {
  Query query(request);
  const std::string service = query.text("service");
  const std::string word = query.one_of("format", {"text", "md", "json", "html", "junit"});
  if (auto problem = query.problem()) return *problem;
  if (auto problem = unknown_service(backend, service)) return *problem;
  const ReportFormat format = report_format(word).value_or(ReportFormat::kJson);
  return {200, content_type(format), render(take_report(backend, service), format), {}};
}

}  // namespace

void add_report_call(Router& router, const Backend& backend) {
  router.add("GET", "/api/v1/report",
             [backend](const Request& r) { return report(backend, r); });
}

}  // namespace shadowtap::api
