// How a thread of ours stands behind the service that it watches.
#pragma once

#include <sched.h>

namespace shadowtap {

// From now on a wake-up of the calling thread, and of those that it starts, takes the
// processor from nobody who runs (SCHED_BATCH, sched(7)): on a saturated host it waits for
// its turn, on any other there is an idle processor. Needs no privilege; where it is
// refused nothing is lost but that.
inline void let_others_finish() {
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_BATCH, &none);
}

}  // namespace shadowtap
