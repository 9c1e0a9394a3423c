// What the rules say about each node of one document: every rule's path is followed
// from the root once, before anything is compared, so that rules act before alignment.
// Internal to diff/.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "diff/compiled_rules.h"
#include "diff/json_document.h"

namespace shadowtap::diff {

// Index of a rule plus one; 0: none.
using RuleRef = std::uint16_t;

struct JsonMark {
  Kinds ignored = 0;  // its own and its ancestors'
  bool own = false;   // selected itself by an ignore rule
  RuleRef array = 0;            // unordered or keyed
  std::uint32_t forgiving = 0;  // a set of tolerances and patterns: JsonMarks::forgiving()
};

// A rule that stands before the root of a document: the first part of its path, or,
// inside an embedded document, the part after the bar.
struct JsonRuleStart {
  RuleRef rule = 0;
  std::uint16_t part = 0;
};

// Sets of rules by number; 0 is the empty one. Few: most nodes share theirs.
class RuleSets {
 public:
  std::uint32_t with(std::uint32_t set, RuleRef rule);
  const std::vector<RuleRef>& operator[](std::uint32_t set) const { return sets_[set]; }

 private:
  std::vector<std::vector<RuleRef>> sets_{{}};
  std::map<std::pair<std::uint32_t, RuleRef>, std::uint32_t> known_;
};

class JsonMarks {
 public:
  // Follows `starts` from the root. `inherited`: what the place of an embedded document has.
  void build(const JsonDocument& document, const RuleSet::Compiled& rules,
             std::span<const JsonRuleStart> starts, Kinds inherited);

  bool empty() const { return marks_.empty(); }
  const JsonMark& operator[](NodeId id) const {
    return marks_.empty() ? kNothing : marks_[id];
  }
  // The tolerances and patterns for this node, in their order.
  const std::vector<RuleRef>& forgiving(NodeId id) const {
    return forgiving_[(*this)[id].forgiving];
  }
  // The rules that go on inside the document embedded at this string.
  std::vector<JsonRuleStart> starts_at(NodeId string) const;

  static std::vector<JsonRuleStart> all_starts(const RuleSet::Compiled& rules);

 private:
  static constexpr JsonMark kNothing{};
  std::vector<JsonMark> marks_;
  RuleSets forgiving_;
  std::unordered_map<NodeId, std::vector<JsonRuleStart>> bars_;
};

}  // namespace shadowtap::diff
