// Rule paths and patterns of any bytes: they compile or are refused with a place, and what
// compiles can be applied.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "diff/response_diff.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shadowtap::diff;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto newline = std::min(text.find('\n'), text.size());
  Rules rules;
  rules.ignore.push_back({.path = text.substr(0, newline)});
  rules.pattern.push_back({.path = "$..b", .pattern = text.substr(newline)});
  std::string error;
  const auto set = RuleSet::compile(rules, "", error);
  if (!set) {
    if (error.empty()) std::abort();
    return 0;
  }
  ResponseView left;
  left.body = R"({"a":[{"b":"x","c":[1,2,3]},"{\"b\":1}"],"b":{"a":null}})";
  ResponseView right;
  right.body = R"({"a":[{"b":"y","c":[1,3]},"{\"b\":2}"],"b":{"a":1}})";
  compare(left, right, *set);
  return 0;
}
