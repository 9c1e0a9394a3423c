// Words and escapes that the formats of a report share. Pure; internal to results.
#pragma once

#include <string>
#include <string_view>

#include "agent/results/report.h"

namespace shadowtap::results {

std::string title_of(const ReportInput& input);
std::string verdict_line(const ReportInput& input);  // "FAIL: 3 findings, 450 compared, …"
bool is_decided(const Finding& finding);             // else it is named, not counted against
std::string share_of(const Finding& finding);        // "75 of 75"

// Control characters out, cut to `max` characters with an ellipsis.
std::string plain(std::string_view text, std::size_t max);
std::string xml_escaped(std::string_view text);  // also for HTML
std::string markdown_escaped(std::string_view text);

std::string render_html(const ReportInput& input);
std::string render_junit(const ReportInput& input);
std::string render_json(const ReportInput& input);

}  // namespace shadowtap::results
