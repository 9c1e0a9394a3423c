#include "agent/capture/excluded_targets.h"

#include <algorithm>
#include <set>

namespace shadowtap::capture {

ExcludedTargets ExcludedTargets::with(const std::vector<Endpoint>& targets) const {
  ExcludedTargets next(capacity_);
  std::set<Endpoint> left(targets.begin(), targets.end());
  for (const Endpoint& known : by_age_)
    if (left.erase(known) > 0) next.by_age_.push_back(known);
  next.by_age_.insert(next.by_age_.end(), left.begin(), left.end());
  return next;
}

std::size_t ExcludedTargets::left_out() const {
  return by_age_.size() - std::min(by_age_.size(), capacity_);
}

std::vector<Endpoint> ExcludedTargets::newest() const {
  std::vector<Endpoint> newest(by_age_.begin() + static_cast<std::ptrdiff_t>(left_out()),
                               by_age_.end());
  std::ranges::sort(newest);
  return newest;
}

}  // namespace shadowtap::capture
