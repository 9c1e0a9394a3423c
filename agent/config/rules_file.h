// Reads the rules of `shadowtap compare --rules FILE`: YAML with the keys that stand
// under `compare:` in the configuration.
#pragma once

#include <string>

#include "agent/base/result.h"
#include "diff/rules.h"

namespace shadowtap::config {

// An error holds every mistake, one a line: "rules.yaml:3:7: unknown key 'ignroe' …".
Result<diff::Rules> load_rules(const std::string& path);

}  // namespace shadowtap::config
