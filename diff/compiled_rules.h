// Rules in the form in which comparers ask them. Internal to diff/; knows RE2.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diff/difference.h"
#include "diff/rule_path.h"
#include "diff/rules.h"

namespace re2 {
class RE2;
}

namespace shadowtap::diff {

// A set of kinds, one bit each.
using Kinds = std::uint16_t;
constexpr Kinds bit(Kind kind) { return static_cast<Kinds>(1U << static_cast<unsigned>(kind)); }
constexpr Kinds kAllKinds = (1U << (static_cast<unsigned>(Kind::kEncoding) + 1)) - 1;

struct CompiledRule {
  enum class Action : std::uint8_t { kIgnore, kUnordered, kKeyed, kTolerance, kPattern };
  Action action = Action::kIgnore;
  RulePath path;
  Kinds kinds = 0;          // of kIgnore
  std::string key;          // of kKeyed
  double absolute = 0;      // of kTolerance
  double relative = 0;
  std::int64_t time_ns = 0;
  std::shared_ptr<const re2::RE2> pattern;

  // Requires kTolerance or kPattern: whether it makes these two texts equal. `number`:
  // both are JSON numbers (a time tolerance takes them as seconds or milliseconds).
  bool forgives(std::string_view left, std::string_view right, bool number) const;
  // Whether forgives() could be true with this text on one side.
  bool applies(std::string_view text, bool number) const;
};

struct RuleSet::Compiled {
  Mode mode = Mode::kStrict;
  bool default_ignored_headers = true;
  std::vector<std::string> ignored_headers;  // lower-case
  std::vector<CompiledRule> rules;

  bool empty() const { return rules.empty() && ignored_headers.empty() && mode == Mode::kStrict; }
  bool has(RulePath::Into into) const;

  // For what is found by name (headers, cookies, trailers, form fields, status).
  Kinds ignored(RulePath::Into into, std::string_view name) const;
  bool forgives_value(RulePath::Into into, std::string_view name, std::string_view left,
                      std::string_view right) const;
  // For a place with a number (a line, a byte).
  Kinds ignored_at(RulePath::Into into, std::size_t number) const;
};

}  // namespace shadowtap::diff
