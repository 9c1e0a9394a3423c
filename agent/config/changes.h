// What differs between two configurations: what a re-read has to put into effect, what
// needs a restart, and where each value comes from.
#pragma once

#include <string>
#include <vector>

#include "agent/config/overlay.h"

namespace shadowtap::config {

// A part of a service that can change while the agent runs (words of sections.h).
struct ChangedSection {
  std::string service;
  std::string section;
};
std::vector<ChangedSection> changed_sections(const Config& from, const Config& to);

// Keys that only hold from the next start, e.g. "services.orders.ports": at which `wanted`
// differs from what runs once all of `possible` that can change has.
std::vector<std::string> needs_restart(const Config& running, const Config& wanted,
                                       const Config& possible);

// Where values come from, for `status`: "services.orders.select.sample" -> "file", "flag" or
// "runtime". What nobody said anything about is not in it.
struct Source {
  std::string key;
  std::string source;
};
std::vector<Source> sources(const Config& file, const Config& file_and_flags,
                            const Overlay& overlay);

}  // namespace shadowtap::config
