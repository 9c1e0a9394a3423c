#include "diff/array_plan.h"

#include <algorithm>

namespace shadowtap::diff {
namespace {

std::vector<NodeId> children(const JsonDocument& doc, NodeId array) {
  std::vector<NodeId> ids;
  ids.reserve(doc[array].count);
  for (NodeId c = array + 1; c < doc[array].end; c = doc[c].end) ids.push_back(c);
  return ids;
}

}  // namespace

ArrayPlan plan_array(JsonSide& left, NodeId left_array, JsonSide& right, NodeId right_array,
                     EqualProbe&, Report&) {
  ArrayPlan plan;
  plan.left = children(left.doc(), left_array);
  plan.right = children(right.doc(), right_array);
  const std::size_t size = std::max(plan.left.size(), plan.right.size());
  for (std::uint32_t i = 0; i < size; ++i) {
    plan.pairings.push_back({i < plan.left.size() ? i : kNobody,
                             i < plan.right.size() ? i : kNobody});
  }
  return plan;
}

}  // namespace shadowtap::diff
