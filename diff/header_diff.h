// Headers, trailers and cookies. Internal to diff/.
//
// Never compared: hop-by-hop and framing headers, and what is made anew for each
// response (README.md lists them). Content-Length counts only in answers to HEAD;
// Content-Encoding and the charset are left to the body's comparison.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "diff/compiled_rules.h"
#include "diff/report.h"
#include "diff/response_diff.h"

namespace shadowtap::diff {

struct HeaderDiffOptions {
  RulePath::Into into = RulePath::Into::kHeader;
  bool head = false;
};

void diff_headers(std::span<const HeaderLine> left, std::span<const HeaderLine> right,
                  const HeaderDiffOptions& options, const RuleSet::Compiled& rules,
                  Report& report);

// The first value of that name, trimmed; empty where there is none.
std::string_view header_value(std::span<const HeaderLine> headers, std::string_view name);

// Set-Cookie lines, name by name, with their attributes.
void diff_cookies(const std::vector<std::string_view>& left,
                  const std::vector<std::string_view>& right, const RuleSet::Compiled& rules,
                  Report& report);

}  // namespace shadowtap::diff
