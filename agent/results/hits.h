// One comparison's differences as the places that Noise counts: one hit for each
// (aggregated path, kind), sorted, with the hash and the shape of its values.
//
// Control thread; keeps its buffer between calls.
#pragma once

#include <vector>

#include "agent/results/map_paths.h"
#include "agent/results/noise.h"
#include "agent/results/path_names.h"
#include "diff/difference.h"

namespace shadowtap::results {

class HitBuilder {
 public:
  // Valid until the next call. `shapes`: also tell the shape of the values.
  const std::vector<Hit>& build(const diff::Differences& differences, PathNames& names,
                                const MapPaths& maps, bool shapes);

 private:
  std::vector<Hit> hits_;
};

}  // namespace shadowtap::results
