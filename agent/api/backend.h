// What the API's calls work on, and the calls as a router. Not owned; must outlive the
// router. Control thread.
#pragma once

#include <functional>
#include <string>

#include "agent/api/control.h"
#include "agent/api/edits.h"
#include "agent/api/router.h"
#include "agent/base/time.h"
#include "agent/results/results.h"

namespace shadowtap::api {

struct Backend {
  Control& control;
  results::Results& results;
  std::string version;
  WallTime started{};
  Edits* edits = nullptr;  // null: nothing can be changed at run time
  std::function<WallTime()> now = [] { return WallTime(std::chrono::system_clock::now()); };
};

// Every call of INTERFACES section 4.
Router make_router(const Backend& backend);
// Only /metrics, /healthz and /readyz: for --metrics-listen.
Router make_metrics_router(const Backend& backend);

}  // namespace shadowtap::api
