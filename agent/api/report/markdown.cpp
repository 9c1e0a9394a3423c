// The report for a release thread.
#include <fmt/format.h>

#include "agent/api/json.h"
#include "agent/api/report/words.h"

namespace shadowtap::api {
namespace {

void add_findings(std::string& out, const std::vector<results::Finding>& findings) {
  if (findings.empty()) {
    out += "No findings.\n\n";
    return;
  }
  out += "| finding | endpoint | path | kind | differs | original → candidate |\n";
  out += "| --- | --- | --- | --- | --- | --- |\n";
  for (const results::Finding& f : findings) {
    out += fmt::format("| {} | {} {} | {} | {} | {} | {} |\n", for_markdown_cell(f.status),
                       for_markdown_cell(f.method), for_markdown_cell(f.route),
                       for_markdown_cell(f.path), for_markdown_cell(f.kind), share(f),
                       for_markdown_cell(change(f)));
  }
  out += '\n';
}

void add_markdown(std::string& out, const ServiceReport& service) {
  out += fmt::format("## {}: {}\n\n", for_markdown_cell(service.name), service.verdict.verdict);
  out += fmt::format("{} compared since {}, α = {:g}.\n\n", service.verdict.compared,
                     to_rfc3339(service.verdict.since), service.verdict.alpha);
  for (const std::string& reason : service.verdict.reasons) {
    out += "- " + for_markdown_cell(reason) + '\n';
  }
  for (const results::VerdictNeed& need : service.verdict.needs) {
    out += "- needs " + for_markdown_cell(need_sentence(need)) + '\n';
  }
  out += '\n';
  add_findings(out, service.findings);
  out += for_markdown_cell(ledger_sentence(service.ledger)) + "\n\n";
}

}  // namespace

std::string render_markdown(const Report& report) {
  std::string out = fmt::format("# shadowtap report, {}\n\n", to_rfc3339(report.time));
  for (const ServiceReport& service : report.services) add_markdown(out, service);
  return out;
}

}  // namespace shadowtap::api
