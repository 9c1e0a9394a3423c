// What the rules say about each node of one document: every rule's path is followed
// from the root once, before anything is compared, so that rules act before alignment.
// Internal to diff/.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "diff/compiled_rules.h"
#include "diff/json_document.h"

namespace shadowtap::diff {

// Index of a rule plus one; 0: none.
using RuleRef = std::uint16_t;

struct JsonMark {
  Kinds ignored = 0;  // its own and its ancestors'
  bool own = false;   // selected itself by an ignore rule
  RuleRef forgiving = 0;  // a tolerance or a pattern
  RuleRef array = 0;      // unordered or keyed
};

// A rule that stands before the root of a document: the first part of its path, or,
// inside an embedded document, the part after the bar.
struct JsonRuleStart {
  RuleRef rule = 0;
  std::uint16_t part = 0;
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
  // The rules that go on inside the document embedded at this string.
  std::vector<JsonRuleStart> starts_at(NodeId string) const;

  static std::vector<JsonRuleStart> all_starts(const RuleSet::Compiled& rules);

 private:
  static constexpr JsonMark kNothing{};
  std::vector<JsonMark> marks_;
  std::unordered_map<NodeId, std::vector<JsonRuleStart>> bars_;
};

}  // namespace shadowtap::diff
