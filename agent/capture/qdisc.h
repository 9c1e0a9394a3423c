// The filters of an interface's clsact qdisc, and the removal of ours.
//
// Acts in the calling thread's network namespace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/capture/kernel_object.h"

namespace shadowtap::capture {

struct Filter {
  HookPoint point;
  std::uint32_t priority = 0;
  std::uint32_t handle = 0;
  std::string kind;        // "bpf", "flower", …
  std::string name;        // of a bpf filter: "prog.o:[section]" or the program's
  std::uint32_t program = 0;  // id of its program
};

// In the order in which they run, ingress first. Empty without a clsact qdisc.
std::vector<Filter> filters_of(std::uint32_t ifindex);

bool is_ours(const Filter& filter);

struct Removed {
  bool filter = false;
  bool qdisc = false;
};

// Removes a filter of ours; then the qdisc, if the handle says that we made it and nobody
// else uses it now.
Removed remove_filter(std::uint32_t ifindex, const Filter& ours);

}  // namespace shadowtap::capture
