// The report for a terminal.
#include <fmt/format.h>

#include "agent/api/json.h"
#include "agent/api/report/words.h"

namespace shadowtap::api {
namespace {

void add_finding(std::string& out, const results::Finding& f) {
  out += fmt::format("  {:<12} {} {}", printable(f.status), printable(f.method),
                     printable(f.route));
  if (!f.path.empty()) out += fmt::format("  {} ({})", printable(f.path), printable(f.kind));
  out += fmt::format("  {}", share(f));
  if (const std::string what = change(f); !what.empty()) out += "  " + what;
  out += '\n';
  if (!f.explain.empty()) out += "               " + printable(f.explain) + '\n';
}

void add_text(std::string& out, const ServiceReport& service) {
  out += fmt::format("{}: {}, {} compared since {}\n", printable(service.name),
                     service.verdict.verdict, service.verdict.compared,
                     to_rfc3339(service.verdict.since));
  for (const std::string& reason : service.verdict.reasons) out += "  - " + printable(reason) + '\n';
  for (const results::VerdictNeed& need : service.verdict.needs) {
    out += "  needs " + need_sentence(need) + '\n';
  }
  out += service.findings.empty() ? "\n  no findings\n" : "\n";
  for (const results::Finding& finding : service.findings) add_finding(out, finding);
  out += "\n  " + ledger_sentence(service.ledger) + "\n\n";
}

}  // namespace

std::string render_text(const Report& report) {
  std::string out = fmt::format("shadowtap {} report, {}\n\n", report.version, to_rfc3339(report.time));
  for (const ServiceReport& service : report.services) add_text(out, service);
  return out;
}

}  // namespace shadowtap::api
