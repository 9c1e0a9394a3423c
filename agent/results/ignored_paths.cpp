#include "agent/results/ignored_paths.h"

#include <algorithm>
#include <utility>

namespace shadowtap::results {
namespace {

// "$.a['b'][3].*|$.c" -> {"$", "a", "b", "*", "*", "|$", "c"}; "/a/b[2]" -> {"a", "b"}; ".." -> "..".
std::vector<std::string> steps_of(std::string_view path) {
  std::vector<std::string> steps;
  std::string word;
  const auto flush = [&] {
    if (!word.empty()) steps.push_back(std::exchange(word, {}));
  };
  const bool xpath = path.starts_with('/');
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '.' || c == '/') {
      flush();
      if (i + 1 < path.size() && path[i + 1] == c) steps.emplace_back(".."), ++i;
    } else if (c == '[') {
      flush();
      const std::size_t end = std::min(path.find(']', i), path.size());
      std::string_view inside = path.substr(i + 1, end - i - 1);
      const bool quoted = inside.size() >= 2 && (inside.front() == '\'' || inside.front() == '"');
      if (quoted) steps.emplace_back(inside.substr(1, inside.size() - 2));
      if (!quoted && !xpath) steps.emplace_back("*");
      i = end;
    } else if (c == '|') {
      flush();
      word = "|";
    } else {
      word += c;
    }
  }
  flush();
  return steps;
}

using Steps = std::vector<std::string>;

bool fits(const Steps& path, std::size_t p, const Steps& rule, std::size_t r) {
  if (r == rule.size()) return true;  // at it or below
  if (rule[r] == "..") {
    for (std::size_t skip = p; skip < path.size(); ++skip) {
      if (fits(path, skip, rule, r + 1)) return true;
    }
    return false;
  }
  if (p == path.size()) return false;
  if (rule[r] != path[p] && rule[r] != "*" && path[p] != "*") return false;
  return fits(path, p + 1, rule, r + 1);
}

}  // namespace

bool is_ignored(std::string_view aggregated, const std::vector<std::string>& rules) {
  if (rules.empty()) return false;
  const Steps path = steps_of(aggregated);
  return std::any_of(rules.begin(), rules.end(), [&](const std::string& rule) {
    const Steps steps = steps_of(rule);
    return !steps.empty() && fits(path, 0, steps, 0);
  });
}

}  // namespace shadowtap::results
