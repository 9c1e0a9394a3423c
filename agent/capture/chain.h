// Who runs at a hook, in order: TCX programs first, then clsact filters by priority.
//
// Acts in the calling thread's network namespace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/capture/hook.h"

namespace shadowtap::capture {

struct ChainLink {
  Mechanism mechanism = Mechanism::kTcx;
  std::string program;  // its name, or "id 17" where we may not ask
  std::uint32_t priority = 0;  // clsact only
  bool ours = false;
};

std::vector<ChainLink> chain_of(std::uint32_t ifindex, HookPoint point);

// "cil_from_netdev (tcx), shadowtap_ingress (tcx), prio 1 other (clsact)"; empty: nobody.
std::string describe(const std::vector<ChainLink>& chain);

// The program that would keep all packets from one of ours attached by `mechanism`, or
// empty. Cilium's programs end the chain for whatever runs after them.
std::string hidden_by(const std::vector<ChainLink>& chain, Mechanism mechanism);

}  // namespace shadowtap::capture
