// What is new since the last look, as server-sent events: `comparison` for each newly kept
// diff, `target` for each target whose state changed, `coverage` when the ledger moved.
//
// One a reader, which pulls: a reader that is behind costs nothing and misses the oldest.
// Control thread; reads the backend, which must outlive it.
#pragma once

#include <map>
#include <set>
#include <string>

#include "agent/api/backend.h"

namespace shadowtap::api {

class EventFeed {
 public:
  // Empty service: all. The first look gives the present states, and diffs from now on.
  EventFeed(const Backend& backend, std::string service);

  std::string next();  // event-stream text; may be empty

 private:
  void add_comparisons(std::string& out);
  void add_targets(std::string& out);
  void add_coverage(std::string& out);

  Backend backend_;
  std::string service_;
  WallTime newest_;                  // of the diffs told so far
  std::set<std::string> told_;       // their ids at that very time
  std::map<std::string, std::string> target_states_;
  std::string coverage_;
};

}  // namespace shadowtap::api
