// Decides which elements of two arrays are compared with each other (INTERFACES section
// 5, "Alignment", "Unordered", "Keyed"). Internal to diff/.
#pragma once

#include <vector>

#include "diff/json_side.h"
#include "diff/pairing.h"
#include "diff/report.h"

namespace shadowtap::diff {

struct ArrayPlan {
  bool order = false;             // the same elements in another order, and nothing else
  bool by_position = false;       // the budget ended before a real alignment
  bool odd_keys = false;          // keyed, but some elements have no unique key
  std::vector<Pairing> pairings;  // without pairs known to be equal
  std::vector<NodeId> left;       // the elements, by position
  std::vector<NodeId> right;
};

// Compares two nodes under the rules and says whether anything differs.
class EqualProbe {
 public:
  virtual bool equal(NodeId left, NodeId right) = 0;

 protected:
  ~EqualProbe() = default;
};

ArrayPlan plan_array(JsonSide& left, NodeId left_array, JsonSide& right, NodeId right_array,
                     EqualProbe& probe, Report& report);

}  // namespace shadowtap::diff
