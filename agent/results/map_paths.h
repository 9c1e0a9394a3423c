// Objects that turned out to be maps: once diff/ calls one `P.*` on a route, keys below
// P are written as `*` from then on, whatever a single response suggests (INTERFACES
// section 5, map-like; it latches per route and path).
//
// Control thread. Owned by one route's counts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shadowtap::results {

class MapPaths {
 public:
  // Notes the maps that `aggregated` names. True if one is new: what was counted at keys
  // below it has to be filed again.
  bool learn(std::string_view aggregated);
  // `aggregated` with keys below known maps as `*`.
  std::string rewrite(std::string_view aggregated) const;

  bool empty() const { return maps_.empty(); }
  const std::vector<std::string>& all() const { return maps_; }

 private:
  static constexpr std::size_t kMax = 64;
  std::vector<std::string> maps_;  // "$.users" of "$.users.*"
};

}  // namespace shadowtap::results
