// The configuration that holds: the file (or nothing), and the flags over it.
#pragma once

#include "agent/config/command_line.h"
#include "agent/config/config.h"

namespace shadowtap::config {

struct Effective {
  Config config;  // file and flags
  Config file;    // the file alone, to tell what the flags changed
  bool from_file = false;  // `replay`: nothing is tapped, so a target may be the service
};

// As effective_config, with both.
Result<Effective> read_effective(const RunCommand& command);

// Reads --config if given, puts the flags over it, and validates. For `run` and `replay`.
// An error is a usage or configuration error (exit 2).
Result<Config> effective_config(const RunCommand& command);

// The same without reading: the flags over `config`. Used again at each re-read.
Result<Config> apply_flags(Config config, const RunCommand& command);

// What --netns or --pid name: a path, or a name of `ip netns`; empty: neither is given.
std::string namespace_of(const std::string& netns, std::optional<int> pid);

}  // namespace shadowtap::config
