#include "agent/results/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/results/report_text.h"
#include "agent/results/sample_of.h"

namespace shadowtap::results {
namespace {

constexpr std::size_t kMaxCell = 60;

std::string example_of(const Finding& f, std::size_t max) {
  if (f.example_original.empty() && f.example_candidate.empty()) return {};
  const auto side = [&](const std::string& text) {
    return text.empty() ? std::string("(nothing)") : plain(text, max);
  };
  return side(f.example_original) + " → " + side(f.example_candidate);
}

std::size_t columns_of(std::string_view text) {  // code points: close enough for a table
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string render_text(const ReportInput& input) {
  std::string out = title_of(input) + "\n" + verdict_line(input) + "\n";
  for (const std::string& reason : input.verdict.reasons) out += "  - " + plain(reason, 300) + "\n";
  for (const VerdictNeed& need : input.verdict.needs) {
    out += fmt::format("  needs about {} more comparisons on {}", need.comparisons, plain(need.route, 100));
    if (need.eta_seconds) out += fmt::format(", {:.0f} s at today's rate", *need.eta_seconds);
    out += "\n";
  }
  out += "\n" + render_findings(input.findings);
  out += "\nEndpoints\n";
  for (const EndpointRow& row : input.endpoints) {
    out += fmt::format("  {:<40} {:>8} compared  {:>6.2f} % differ  p50 {:.1f} / {:.1f} ms  p99 {:.1f} / {:.1f} ms\n",
                       plain(row.method + " " + row.route, 40), row.compared, 100 * row.mismatch_ratio,
                       row.original.p50, row.candidate.p50, row.original.p99, row.candidate.p99);
  }
  return out;
}

std::string render_markdown(const ReportInput& input) {
  std::string out = "## " + markdown_escaped(title_of(input)) + "\n\n**" +
                    markdown_escaped(verdict_line(input)) + "**\n\n";
  for (const std::string& reason : input.verdict.reasons) out += "- " + markdown_escaped(plain(reason, 300)) + "\n";
  out += "\n| | Endpoint | Path | Kind | Differs | Original → candidate |\n|---|---|---|---|---|---|\n";
  for (const Finding& f : input.findings) {
    out += fmt::format("| {} | {} | {} | {} | {} | {} |\n", f.status, markdown_escaped(f.method + " " + f.route),
                       markdown_escaped(plain(f.path, 100)), f.kind, share_of(f),
                       markdown_escaped(example_of(f, kMaxCell)));
  }
  if (input.findings.empty()) out += "| | no findings | | | | |\n";
  out += "\n| Endpoint | Compared | Differ | p50 ms | p99 ms |\n|---|---|---|---|---|\n";
  for (const EndpointRow& row : input.endpoints) {
    out += fmt::format("| {} | {} | {:.2f} % | {:.1f} / {:.1f} | {:.1f} / {:.1f} |\n",
                       markdown_escaped(row.method + " " + row.route), row.compared, 100 * row.mismatch_ratio,
                       row.original.p50, row.candidate.p50, row.original.p99, row.candidate.p99);
  }
  return out;
}

}  // namespace

std::optional<ReportFormat> report_format(std::string_view name) {
  if (name == "text" || name == "txt") return ReportFormat::kText;
  if (name == "md" || name == "markdown") return ReportFormat::kMarkdown;
  if (name == "json") return ReportFormat::kJson;
  if (name == "html") return ReportFormat::kHtml;
  if (name == "junit" || name == "xml") return ReportFormat::kJunit;
  return std::nullopt;
}

std::string title_of(const ReportInput& input) {
  return fmt::format("shadowtap: {} at {}", input.service.empty() ? "all services" : input.service,
                     to_text(input.generated));
}

std::string verdict_line(const ReportInput& input) {
  std::string word = input.verdict.verdict;
  std::transform(word.begin(), word.end(), word.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  const auto decided = std::count_if(input.findings.begin(), input.findings.end(), is_decided);
  std::string line = fmt::format("{}: {} {}", word, decided, decided == 1 ? "finding" : "findings");
  line += fmt::format(", {} compared", input.verdict.compared);
  if (input.verdict.since != WallTime{}) line += " since " + to_text(input.verdict.since);
  return line + fmt::format(" (alpha {:.3g})", input.verdict.alpha);
}

bool is_decided(const Finding& finding) { return finding.status != "insufficient"; }

std::string share_of(const Finding& finding) {
  return fmt::format("{} of {}", finding.differing, finding.compared);
}

std::string plain(std::string_view text, std::size_t max) {
  std::string out;
  std::size_t n = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool begins = (byte & 0xc0) != 0x80;
    if (begins && ++n > max) return out + "…";
    out += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  return out;
}

std::string markdown_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\`*_{}[]<>|#").find(c) != std::string_view::npos) out += '\\';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

std::string render_findings(const std::vector<Finding>& findings, std::size_t width) {
  if (findings.empty()) return "No findings.\n";
  std::vector<std::vector<std::string>> rows{
      {"FINDING", "ENDPOINT", "PATH", "KIND", "DIFFERS", "ORIGINAL → CANDIDATE"}};
  for (const Finding& f : findings) {
    rows.push_back({f.status, plain(f.method + " " + f.route, 36), plain(f.path, 36), f.kind,
                    share_of(f), example_of(f, 30)});
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - columns_of(row[i]) + 2, ' ');
    }
    out += plain(line, std::max<std::size_t>(width, 60)) + "\n";
  }
  return out;
}

std::string render_report(const ReportInput& input, ReportFormat format) {
  switch (format) {
    case ReportFormat::kText: return render_text(input);
    case ReportFormat::kMarkdown: return render_markdown(input);
    case ReportFormat::kJson: return render_json(input);
    case ReportFormat::kHtml: return render_html(input);
    case ReportFormat::kJunit: return render_junit(input);
  }
  return {};
}

}  // namespace shadowtap::results
