// Pieces that the report's formats share: sentences, and captured text made harmless for
// the place it is put in. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "agent/api/report/report.h"

namespace shadowtap::api {

// "captured 9 = compared 4 + skipped 2 (method 2) + … + in flight 1"
std::string ledger_sentence(const ServiceLedger& ledger);
// "1 -> 2", or what is known of it; each side cut to a readable length.
std::string change(const results::Finding& finding);
// "3 of 4"
std::string share(const results::Finding& finding);
// "GET /users/{id}: 1,200 more comparisons, about 3m"
std::string need_sentence(const results::VerdictNeed& need);

// Valid UTF-8 without control characters (a terminal would act on them).
std::string printable(std::string_view text);
std::string for_markdown_cell(std::string_view text);
// For element content and quoted attributes of HTML and XML 1.0.
std::string for_markup(std::string_view text);

// Document renderers, one file each.
std::string render_text(const Report& report);
std::string render_markdown(const Report& report);
std::string render_json(const Report& report);
std::string render_html(const Report& report);
std::string render_junit(const Report& report);

}  // namespace shadowtap::api
