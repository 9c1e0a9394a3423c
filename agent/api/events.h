// What is new since the last look, as server-sent events: `comparison` for each newly kept
// diff, `target` for each target whose state changed, `coverage` when the ledger moved.
//
// One a reader, which pulls: a reader that is behind costs nothing and misses the oldest.
// Control thread; reads the backend, which must outlive it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/api/backend.h"

namespace shadowtap::api {

class EventFeed {
 public:
  // Empty service: all. The first look gives the present states, and diffs kept from now on.
  EventFeed(const Backend& backend, std::string service);

  std::string next();  // event-stream text; may be empty

 private:
  std::vector<ServiceStatus> services() const;
  std::string newest(const std::string& service) const;  // diff's id; empty: none
  void add_comparisons(const std::string& service, std::string& out);
  void add_targets(const ServiceStatus& service, std::string& out);
  void add_coverage(std::string& out);

  Backend backend_;
  std::string service_;
  // By service, the id of the last diff told. Within one, ids grow as diffs are kept; times do
  // not, since a slow exchange comes late.
  std::map<std::string, std::string> told_;
  std::map<std::string, std::string> target_states_;
  std::string coverage_;
};

}  // namespace shadowtap::api
