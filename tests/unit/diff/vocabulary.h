// What the tests of diff/ say: responses and bodies in, a list of lines out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "diff/response_diff.h"

namespace shadowtap::diff {

inline std::string line(const Difference& d) {
  std::string text = std::string(to_string(d.kind)) + " " + d.path;
  if (!d.right_path.empty()) text += " ~ " + d.right_path;
  if (!d.left.empty() || !d.right.empty()) text += " : " + d.left + " -> " + d.right;
  return text;
}

inline std::vector<std::string> lines(const Differences& differences) {
  std::vector<std::string> all;
  for (const auto& d : differences.all) all.push_back(line(d));
  return all;
}

inline ResponseView body_of(std::string_view body) {
  ResponseView response;
  response.body = body;
  return response;
}

// Panics by an empty list and a failing EXPECT where the rules do not compile.
inline std::shared_ptr<const RuleSet> compiled(const Rules& rules, std::string_view route = "") {
  std::string error;
  auto set = RuleSet::compile(rules, route, error);
  EXPECT_TRUE(set) << error;
  return set;
}

inline std::vector<std::string> diff_bodies(std::string_view left, std::string_view right,
                                            const Rules& rules = {}) {
  return lines(compare(body_of(left), body_of(right), *compiled(rules)));
}

}  // namespace shadowtap::diff
