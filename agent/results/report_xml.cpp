// A report as a page of its own (no script, nothing from elsewhere) and as JUnit.
#include <fmt/format.h>

#include <algorithm>

#include "agent/results/report_text.h"
#include "agent/results/sample_of.h"

namespace shadowtap::results {
namespace {

constexpr std::string_view kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;"
    "color:#1c2128}table{border-collapse:collapse;width:100%;margin:1rem 0}td,th{text-align:left;"
    "padding:.35rem .6rem;border-bottom:1px solid #d8dee4;vertical-align:top}code{font-size:.9em;"
    "overflow-wrap:anywhere}.pass{color:#116329}.fail{color:#a40e26}.inconclusive{color:#7d4e00}"
    "small{color:#57606a}";

std::string finding_row(const Finding& f) {
  return fmt::format(
      "<tr><td>{}</td><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td><td><code>{}</code> → "
      "<code>{}</code><br><small>{}</small></td></tr>\n",
      xml_escaped(f.status), xml_escaped(f.method + " " + f.route), xml_escaped(plain(f.path, 200)),
      xml_escaped(f.kind), share_of(f), xml_escaped(plain(f.example_original, 200)),
      xml_escaped(plain(f.example_candidate, 200)), xml_escaped(f.explain));
}

std::string endpoint_row(const EndpointRow& row) {
  return fmt::format(
      "<tr><td>{}</td><td>{}</td><td>{:.2f} %</td><td>{:.1f} / {:.1f}</td><td>{:.1f} / {:.1f}</td></tr>\n",
      xml_escaped(row.method + " " + row.route), row.compared, 100 * row.mismatch_ratio,
      row.original.p50, row.candidate.p50, row.original.p99, row.candidate.p99);
}

std::string verdict_case(const ReportInput& input) {
  std::string reasons;
  for (const std::string& reason : input.verdict.reasons) reasons += reason + "\n";
  std::string out = "  <testcase classname=\"shadowtap\" name=\"verdict\"";
  if (input.verdict.verdict == "pass") return out + "/>\n";
  const char* tag = input.verdict.verdict == "fail" ? "failure" : "skipped";
  return out + fmt::format(">\n    <{} message=\"{}\">{}</{}>\n  </testcase>\n", tag,
                           xml_escaped(verdict_line(input)), xml_escaped(reasons), tag);
}

std::string endpoint_case(const EndpointRow& row, const std::vector<Finding>& findings) {
  std::string out = fmt::format("  <testcase classname=\"{}\" name=\"{}\"", xml_escaped(row.service),
                                xml_escaped(row.method + " " + row.route));
  std::string failures;
  for (const Finding& f : findings) {
    if (!is_decided(f) || f.service != row.service || f.method != row.method || f.route != row.route) continue;
    failures += fmt::format("    <failure type=\"{}\" message=\"{}\">{}\noriginal: {}\ncandidate: {}</failure>\n",
                            xml_escaped(f.status), xml_escaped(plain(f.path, 200) + " " + f.kind),
                            xml_escaped(f.explain), xml_escaped(f.example_original),
                            xml_escaped(f.example_candidate));
  }
  return failures.empty() ? out + "/>\n" : out + ">\n" + failures + "  </testcase>\n";
}

}  // namespace

// XML 1.0 has no way to write most control characters: they become spaces.
std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else if (c == '\'') out += "&#39;";
    else if (byte < 0x20 && c != '\n' && c != '\t') out += ' ';
    else out += c;
  }
  return out;
}

std::string render_html(const ReportInput& input) {
  std::string out = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" +
                    xml_escaped(title_of(input)) + "</title><style>" + std::string(kStyle) +
                    "</style></head><body>\n<h1>" + xml_escaped(title_of(input)) + "</h1>\n";
  out += fmt::format("<p class=\"{}\"><strong>{}</strong></p>\n<ul>\n", xml_escaped(input.verdict.verdict),
                     xml_escaped(verdict_line(input)));
  for (const std::string& reason : input.verdict.reasons) out += "<li>" + xml_escaped(reason) + "</li>\n";
  out += "</ul>\n<table><tr><th>Finding</th><th>Endpoint</th><th>Path</th><th>Kind</th>"
         "<th>Differs</th><th>Original → candidate</th></tr>\n";
  for (const Finding& f : input.findings) out += finding_row(f);
  out += "</table>\n<table><tr><th>Endpoint</th><th>Compared</th><th>Differ</th>"
         "<th>p50 ms, original / candidate</th><th>p99 ms</th></tr>\n";
  for (const EndpointRow& row : input.endpoints) out += endpoint_row(row);
  return out + "</table>\n</body></html>\n";
}

std::string render_junit(const ReportInput& input) {
  std::string cases = verdict_case(input);
  std::size_t failures = input.verdict.verdict == "fail" ? 1 : 0;
  for (const EndpointRow& row : input.endpoints) {
    const std::string one = endpoint_case(row, input.findings);
    if (one.find("<failure") != std::string::npos) ++failures;
    cases += one;
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" "
      "skipped=\"{}\" timestamp=\"{}\">\n{}</testsuite>\n",
      xml_escaped("shadowtap " + input.service), input.endpoints.size() + 1, failures,
      input.verdict.verdict == "inconclusive" ? 1 : 0, to_text(input.generated), cases);
}

}  // namespace shadowtap::results
