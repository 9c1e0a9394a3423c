// Who runs at a hook, in order: TCX programs first, then clsact filters by priority.
//
// Acts in the calling thread's network namespace.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/capture/hook.h"

namespace shadowtap::capture {

struct ChainLink {
  Mechanism mechanism = Mechanism::kTcx;
  std::string program;  // its name, or "id 17" where we may not ask
  std::uint32_t id = 0;  // of the program; TCX only
  bool named = true;
  std::uint32_t priority = 0;  // clsact only
  bool is_bpf = true;          // other filters keep their priority to themselves
  bool ours = false;
};

using Chain = std::vector<ChainLink>;

// `own`: ids of our programs, for where their names may not be asked. An error: who runs
// there cannot be known (EPERM: without CAP_NET_ADMIN the kernel does not say).
Result<Chain> chain_of(std::uint32_t ifindex, HookPoint point,
                       std::span<const std::uint32_t> own = {});

// The same with us at the place that we would get, unless we are there already.
Chain with_us(Chain chain, Mechanism mechanism);

// "cil_from_netdev (tcx), shadowtap (tcx), other (clsact, priority 1)"; empty: nobody.
std::string describe(const Chain& chain);

// Those that run before us; nobody where we are not in the chain.
Chain ahead_of_us(const Chain& chain);

// The first that is known to end the chain, so that nothing after it sees a packet: one
// of Cilium's. Empty: none is.
std::string ends_the_chain(const Chain& chain);

// The first that may not be asked for its name, so that it may end the chain. Empty: none.
std::string may_end_the_chain(const Chain& chain);

}  // namespace shadowtap::capture
