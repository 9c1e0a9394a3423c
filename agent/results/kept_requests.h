// The requests of samples as they were captured, credentials and all, for a re-send. In
// memory only, the newest thousand, for an hour: nothing of them is shown, logged or stored.
//
// Control thread. Owned by one service's results.
#pragma once

#include <map>

#include "agent/base/time.h"
#include "agent/http/exchange.h"
#include "agent/results/samples.h"

namespace shadowtap::results {

class KeptRequests {
 public:
  // A copy, with its original; not of one that was cut or is large.
  void keep(SampleId id, const http::Exchange& exchange);
  // nullptr: not kept, or no longer.
  const http::Exchange* find(SampleId id) const;
  // Lets go of what is too old, or whose sample is gone.
  void expire(const Samples& samples, WallTime now);
  void clear() { kept_.clear(); }

 private:
  std::map<SampleId, http::Exchange> kept_;  // oldest first: an id begins with its time
};

}  // namespace shadowtap::results
