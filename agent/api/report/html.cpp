// The report as one page without scripts or foreign resources.
#include <fmt/format.h>

#include "agent/api/json.h"
#include "agent/api/report/words.h"

namespace shadowtap::api {
namespace {

constexpr const char* kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>shadowtap report</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}
th,td{border-bottom:1px solid #8886;padding:.35rem .6rem;text-align:left;vertical-align:top}
td{overflow-wrap:anywhere}code{font-size:.9em}
.pass{color:#17803d}.fail{color:#c62828}.inconclusive{color:#9a6700}
</style></head><body>
)";

void add_finding(std::string& out, const results::Finding& f) {
  out += fmt::format(
      "<tr><td>{}</td><td>{} {}</td><td><code>{}</code> {}</td><td>{}</td><td>{}</td>"
      "<td>{}</td></tr>\n",
      for_markup(f.status), for_markup(f.method), for_markup(f.route), for_markup(f.path),
      for_markup(f.kind), share(f), for_markup(change(f)), for_markup(f.explain));
}

void add_html(std::string& out, const ServiceReport& service) {
  const std::string verdict = for_markup(service.verdict.verdict);
  out += fmt::format("<h2>{}: <span class=\"{}\">{}</span></h2>\n", for_markup(service.name),
                     verdict, verdict);
  out += fmt::format("<p>{} compared since {}, α = {:g}</p>\n<ul>\n", service.verdict.compared,
                     to_rfc3339(service.verdict.since), service.verdict.alpha);
  for (const std::string& reason : service.verdict.reasons) {
    out += "<li>" + for_markup(reason) + "</li>\n";
  }
  for (const results::VerdictNeed& need : service.verdict.needs) {
    out += "<li>needs " + for_markup(need_sentence(need)) + "</li>\n";
  }
  out += "</ul>\n";
  if (service.findings.empty()) {
    out += "<p>No findings.</p>\n";
  } else {
    out += "<table><thead><tr><th>finding</th><th>endpoint</th><th>path</th><th>differs</th>"
           "<th>original → candidate</th><th>why</th></tr></thead><tbody>\n";
    for (const results::Finding& finding : service.findings) add_finding(out, finding);
    out += "</tbody></table>\n";
  }
  out += "<p>" + for_markup(ledger_sentence(service.ledger)) + "</p>\n";
}

}  // namespace

std::string render_html(const Report& report) {
  std::string out = kHead;
  out += fmt::format("<h1>shadowtap report</h1>\n<p>{}, version {}</p>\n",
                     to_rfc3339(report.time), for_markup(report.version));
  for (const ServiceReport& service : report.services) add_html(out, service);
  return out + "</body></html>\n";
}

}  // namespace shadowtap::api
