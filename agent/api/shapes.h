// The JSON shapes that several calls share. Pure functions, any thread.
#pragma once

#include "agent/api/control.h"
#include "agent/api/json.h"
#include "agent/results/results.h"

namespace shadowtap::api {

json::object to_json(const ServiceLedger& ledger);
json::object to_json(const results::VerdictAnswer& verdict);
json::object to_json(const results::EndpointRow& endpoint);
json::object to_json(const results::DiffRow& diff);
json::object to_json(const results::DiffDetail& detail);
json::object to_json(const shadow::TargetStatus& target);
json::object to_json(const shadow::MiddlewareStatus& middleware);
json::object coverage_json(const Control& control);

}  // namespace shadowtap::api
