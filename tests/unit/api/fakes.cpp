#include "agent/results/results.h"

namespace shadowtap::results {

// The real bounds come with the real results, which are not linked here.
const std::vector<double>& response_bounds() {
  static const std::vector<double> bounds{0.01, 0.1};
  return bounds;
}

}  // namespace shadowtap::results
