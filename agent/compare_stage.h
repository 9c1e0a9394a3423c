// Original against candidate (and secondary): turns a finished exchange into the
// Comparison that results gets. Pure work on values, for a shard or for the worker
// that takes the large ones.
//
// Threads: CompareRules is immutable after make(); compare_exchange() is re-entrant.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/results/comparison.h"
#include "diff/response_diff.h"

namespace shadowtap {

// One service's rules, compiled: those for every route, and those for named templates.
class CompareRules {
 public:
  static Result<std::shared_ptr<const CompareRules>> make(const diff::Rules& rules);

  const diff::RuleSet& for_target(std::string_view target) const;

 private:
  struct ForRoute {
    std::string route;
    std::shared_ptr<const diff::RuleSet> rules;
  };
  std::shared_ptr<const diff::RuleSet> all_;
  std::vector<ForRoute> routes_;
};

// Whether the path of `target` fits the template: `{…}` is any one segment.
bool fits_route(std::string_view target, std::string_view route);

struct CompareJob {
  http::Exchange exchange;  // with its original
  http::Answer candidate;
  std::optional<http::Answer> secondary;
  bool secondary_asked = false;
  Duration to_wall{};       // added to the exchange's times gives wall time
  Duration max_skew{};      // between the two sends, for the secondary to speak
  bool keep_bodies = false;  // also where nothing differs (A/A control needs originals)
  std::string cluster_header;

  std::size_t body_bytes() const;
};

// not_comparable{body_cut} where only bodies may differ, of which one is longer than is kept.
results::Comparison compare_exchange(CompareJob job, const CompareRules& rules);

// The candidate gave no answer: what the others said tells whose failure it is.
results::Comparison without_answer(CompareJob job, const results::ShadowError& error);

// What results gets for an exchange that was not compared.
results::Comparison without_comparison(http::Exchange exchange, results::Ending ending,
                                       Duration to_wall);

}  // namespace shadowtap
