// The handlers of INTERFACES section 4 by subject, each file adding its own to a router.
#pragma once

#include "agent/api/backend.h"

namespace shadowtap::api {

void add_health_calls(Router& router, const Backend& backend);   // healthz readyz metrics
void add_status_calls(Router& router, const Backend& backend);   // status coverage impact
void add_results_calls(Router& router, const Backend& backend);  // endpoints fields diffs
void add_verdict_calls(Router& router, const Backend& backend);  // verdict gate
void add_pause_calls(Router& router, const Backend& backend);    // pause resume
void add_report_call(Router& router, const Backend& backend);    // report
void add_edit_calls(Router& router, const Backend& backend);     // rules sampling sending targets
void add_replay_call(Router& router, const Backend& backend);    // diffs/{id}/replay
void add_event_call(Router& router, const Backend& backend);     // events
void add_page(Router& router);                                   // / and its files, openapi.json

bool is_service(const Backend& backend, const std::string& name);
// 404 with the nearest name; nothing if `name` is empty or known.
std::optional<Response> unknown_service(const Backend& backend, const std::string& name);

}  // namespace shadowtap::api
