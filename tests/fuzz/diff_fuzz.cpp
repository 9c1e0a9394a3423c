// Two bodies of any kind: the first byte chooses the media type and the rules, the rest is
// split at the first 0xFF. Whatever comes, a side equals itself, the answer is honest, and
// in strict mode swapping the sides gives as many differences.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "diff/response_diff.h"

namespace shadowtap::diff {
namespace {

constexpr Budget kBudget{.max_differences = 200, .max_steps = 200'000, .max_shown_bytes = 64};

constexpr std::string_view kTypes[] = {
    "application/json", "application/x-ndjson", "application/xml", "text/html",
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=B", "text/plain", ""};

std::shared_ptr<const RuleSet> rules_of(unsigned choice) {
  Rules rules;
  if (choice & 1) {
    rules.ignore.push_back({.path = "$..a"});
    rules.ignore.push_back({.path = "//a"});
  }
  if (choice & 2) rules.unordered.push_back({.path = "$", .key = choice & 4 ? "id" : ""});
  if (choice & 4) rules.tolerance.push_back({.path = "$..*", .absolute = 1.0, .time = "2s"});
  if (choice & 8) rules.mode = choice & 1 ? Mode::kShape : Mode::kAdditive;
  std::string error;
  auto set = RuleSet::compile(rules, "", error);
  if (!set) std::abort();
  return set;
}

void check(bool holds) {
  if (!holds) std::abort();
}

void compare_all(std::string_view left, std::string_view right, std::string_view type,
                 const RuleSet& rules, bool mirrors) {
  const std::vector<HeaderLine> headers = {{"Content-Type", type}};
  ResponseView l;
  ResponseView r;
  l.headers = r.headers = headers;
  l.body = left;
  r.body = right;
  const Differences d = compare(l, r, rules, kBudget);
  check(d.equal == (d.all.empty() && !d.truncated));
  check(d.all.size() <= kBudget.max_differences);
  const Differences swapped = compare(r, l, rules, kBudget);
  if (mirrors && !d.truncated && !swapped.truncated) {
    check(d.all.size() == swapped.all.size());
  }
  check(compare(l, l, rules, kBudget).equal);
}

}  // namespace
}  // namespace shadowtap::diff

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shadowtap::diff;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto split = std::min(bytes.find('\xff'), bytes.size());
  const std::string_view left = bytes.substr(0, split);
  const std::string_view right = bytes.substr(std::min(split + 1, bytes.size()));
  const unsigned choice = data[0];
  compare_all(left, right, kTypes[choice % 8], *rules_of(choice >> 4), (choice >> 4) == 0);
  return 0;
}
