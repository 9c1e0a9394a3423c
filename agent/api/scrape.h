// Gathers a metrics snapshot from what the agent and the results say now. Control thread.
#pragma once

#include "agent/api/backend.h"
#include "agent/metrics/snapshot.h"

namespace shadowtap::api {

metrics::Snapshot take_snapshot(const Backend& backend);

}  // namespace shadowtap::api
