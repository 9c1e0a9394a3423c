// Differences of things that have a name: status, header, cookie, trailer, form field.
// Asks the rules and the mode before it reports. Internal to diff/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "diff/compiled_rules.h"
#include "diff/report.h"

namespace shadowtap::diff {

class NamedDiff {
 public:
  NamedDiff(RulePath::Into into, const RuleSet::Compiled& rules, Report& report)
      : into_(into), rules_(rules), report_(report) {}

  // Absent on one side: missing or extra; else `kind` where `equal` is false. `parent`:
  // a rule for it holds for this one as well ("sid" for "sid.path").
  void compare(std::string_view name, std::optional<std::string_view> left,
               std::optional<std::string_view> right, bool equal, Kind kind = Kind::kValue,
               std::string_view parent = {});

 private:
  RulePath::Into into_;
  const RuleSet::Compiled& rules_;
  Report& report_;
};

// "headers.", "cookies.", …
std::string_view prefix_of(RulePath::Into into);

}  // namespace shadowtap::diff
