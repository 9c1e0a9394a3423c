// The aggregated paths of one service as small numbers: each text is kept once, however
// many routes have it. Never forgets; `max` names, the rest is `other`.
//
// Control thread. Owned by one service's results.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/results/path_record.h"

namespace shadowtap::results {

class PathNames {
 public:
  explicit PathNames(std::size_t max = 500'000) : max_(max) { names_.emplace_back("other"); }

  PathId id(std::string_view path) {
    if (const auto it = ids_.find(path); it != ids_.end()) return it->second;
    if (names_.size() >= max_) return kOtherPath;
    names_.emplace_back(path);
    const auto id = static_cast<PathId>(names_.size() - 1);
    ids_.emplace(names_.back(), id);
    return id;
  }
  const std::string& name(PathId id) const { return names_[id < names_.size() ? id : kOtherPath]; }

 private:
  std::size_t max_;
  std::deque<std::string> names_;
  std::unordered_map<std::string_view, PathId> ids_;
};

}  // namespace shadowtap::results
