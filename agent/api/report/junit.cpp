// The report as JUnit XML: a suite a service, a case an endpoint (failed by its findings),
// and one case for the verdict (inconclusive: skipped).
#include <fmt/format.h>

#include "agent/api/json.h"
#include "agent/api/report/words.h"

namespace shadowtap::api {
namespace {

struct Suite {
  std::string cases;
  int tests = 0, failures = 0, skipped = 0;
};

bool fails(const results::Finding& finding) { return finding.status != "insufficient"; }

void add_case(Suite& suite, const std::string& service, const std::string& name,
              const std::string& inside) {
  ++suite.tests;
  suite.cases += fmt::format("    <testcase classname=\"{}\" name=\"{}\"", for_markup(service),
                             for_markup(name));
  suite.cases += inside.empty() ? "/>\n" : ">\n" + inside + "    </testcase>\n";
}

void add_verdict(Suite& suite, const ServiceReport& service) {
  std::string reasons;
  for (const std::string& reason : service.verdict.reasons) {
    reasons += (reasons.empty() ? "" : "; ") + reason;
  }
  std::string inside;
  if (service.verdict.verdict == "fail") {
    ++suite.failures;
    inside = fmt::format("      <failure message=\"{}\"/>\n", for_markup(reasons));
  } else if (service.verdict.verdict != "pass") {
    ++suite.skipped;
    inside = fmt::format("      <skipped message=\"inconclusive: {}\"/>\n", for_markup(reasons));
  }
  add_case(suite, service.name, "verdict", inside);
}

void add_endpoint(Suite& suite, const ServiceReport& service, const results::EndpointRow& endpoint) {
  std::string inside;
  for (const results::Finding& f : service.findings) {
    if (!fails(f) || f.method != endpoint.method || f.route != endpoint.route) continue;
    inside += fmt::format("      <failure type=\"{}\" message=\"{} {} differs in {}\">{} {}</failure>\n",
                          for_markup(f.status), for_markup(f.path), for_markup(f.kind), share(f),
                          for_markup(change(f)), for_markup(f.explain));
  }
  if (!inside.empty()) ++suite.failures;
  add_case(suite, service.name, endpoint.method + " " + endpoint.route, inside);
}

}  // namespace

std::string render_junit(const Report& report) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"shadowtap\">\n";
  for (const ServiceReport& service : report.services) {
    Suite suite;
    add_verdict(suite, service);
    for (const auto& endpoint : service.endpoints) add_endpoint(suite, service, endpoint);
    out += fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" "
        "timestamp=\"{}\">\n{}  </testsuite>\n",
        for_markup(service.name), suite.tests, suite.failures, suite.skipped,
        to_rfc3339(report.time).substr(0, 19), suite.cases);
  }
  return out + "</testsuites>\n";
}

}  // namespace shadowtap::api
