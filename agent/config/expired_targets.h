// Targets of the file whose `expires` has passed. Each stays away until file and flags say
// something else of it: reading the same again is no wish to have it back. Not kept over a
// restart, with which such a target begins anew.
//
// Control thread. Owned by LiveConfig.
#pragma once

#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/node.h"

namespace shadowtap::config {

class ExpiredTargets {
 public:
  // `said`: the section as file and flags say it (sections.h).
  void add(const std::string& service, const std::string& section, Node said);
  // Put again at run time.
  void forget(const std::string& service, const std::string& section);

  // Takes them out of `wanted`, but forgets those of which `said` says something else now.
  void leave_out(Config& wanted, const Config& said);

 private:
  struct One {
    std::string service;
    std::string section;
    Node said;
  };
  std::vector<One> all_;
};

}  // namespace shadowtap::config
