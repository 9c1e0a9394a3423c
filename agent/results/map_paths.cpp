#include "agent/results/map_paths.h"

#include <algorithm>

namespace shadowtap::results {
namespace {

bool ends_step(std::string_view path, std::size_t at) {
  return at == path.size() || path[at] == '.' || path[at] == '[' || path[at] == '|';
}

// The end of the key that begins at `at` with "." or "['"; npos where none does.
std::size_t end_of_key(std::string_view path, std::size_t at) {
  if (path.substr(at, 2) == "['") {
    const std::size_t end = path.find("']", at);
    return end == std::string_view::npos ? end : end + 2;
  }
  if (path.substr(at, 1) != "." || path.substr(at, 2) == ".*") return std::string_view::npos;
  const std::size_t end = path.find_first_of(".[|", at + 1);
  return end == std::string_view::npos ? path.size() : end;
}

}  // namespace

bool MapPaths::learn(std::string_view aggregated) {
  bool found = false;
  for (std::size_t at = aggregated.find(".*"); at != std::string_view::npos;
       at = aggregated.find(".*", at + 2)) {
    if (!ends_step(aggregated, at + 2) || !aggregated.starts_with('$')) continue;
    std::string map(aggregated.substr(0, at));
    if (maps_.size() >= kMax || std::find(maps_.begin(), maps_.end(), map) != maps_.end()) continue;
    maps_.push_back(std::move(map));
    found = true;
  }
  // Outer maps first: what they rewrite is what inner ones are named by.
  std::sort(maps_.begin(), maps_.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
  return found;
}

std::string MapPaths::rewrite(std::string_view aggregated) const {
  std::string path(aggregated);
  for (const std::string& map : maps_) {
    if (!path.starts_with(map)) continue;
    const std::size_t end = end_of_key(path, map.size());
    if (end != std::string_view::npos) path.replace(map.size(), end - map.size(), ".*");
  }
  return path;
}

}  // namespace shadowtap::results
