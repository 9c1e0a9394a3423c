// Which places of what was counted today's ignore rules would take whole: for re-reading
// past outcomes and for lifting regressions. The rules themselves act in diff/, on exact
// paths; here a place stands for many, so a rule with an index, or with one key of a map,
// takes none. What it took in diff/ was never counted.
//
// Immutable. Owned by one service's results.
#pragma once

#include <string_view>
#include <vector>

#include "diff/difference.h"
#include "diff/rule_path.h"
#include "diff/rules.h"

namespace shadowtap::results {

class IgnoredPaths {
 public:
  IgnoredPaths() = default;
  // A rule whose path does not parse takes nothing; who sets rules refuses it.
  explicit IgnoredPaths(const std::vector<diff::IgnoreRule>& rules);

  // Whether some rule takes every difference of `kind` at `aggregated` on `route`.
  bool take(std::string_view route, std::string_view aggregated, diff::Kind kind) const;

 private:
  struct Rule {
    diff::IgnoreRule said;
    diff::RulePath path;
  };
  std::vector<Rule> rules_;
};

}  // namespace shadowtap::results
