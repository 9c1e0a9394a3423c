// The qdisc at the place of clsact on an interface, its filters, and the removal of ours.
//
// Acts in the calling thread's network namespace. What cannot be known is taken for
// somebody else's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/result.h"
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

// In the order in which they run, ingress first. None without a clsact qdisc.
Result<std::vector<Filter>> filters_of(std::uint32_t ifindex);

bool is_ours(const Filter& filter);

// An error where another qdisc has clsact's place: what it is, and the cure. A qdisc
// `ingress` takes filters for egress, and runs them at ingress.
Result<> check_place_of_clsact(std::uint32_t ifindex);

struct Removed {
  bool filter = false;
  bool qdisc = false;
  // The filter was in a qdisc that we made, which stays because others use it.
  bool our_qdisc_stays = false;
};

// Removes a filter of ours, if it is there; then the qdisc, if the handle says that we made
// it and nobody else uses it now.
Removed remove_filter(std::uint32_t ifindex, const Filter& ours);

// Requires that we made the qdisc. False: it stays, since others use it.
bool remove_unused_qdisc(std::uint32_t ifindex);

}  // namespace shadowtap::capture
