// Who runs before us on one interface, over time. Names are asked for while we may; those
// that are known are kept by program id, for when we may not any more. Pure.
#pragma once

#include <array>
#include <string>

#include "agent/base/result.h"
#include "agent/capture/chain.h"

namespace shadowtap::capture {

class Ahead {
 public:
  // Everybody at one hook now. An error: unknown, so that all stays as it was.
  void see(HookPoint point, const Result<Chain>& chain);

  // The first that surely keeps all packets from us; empty: none.
  std::string hidden_by() const;
  // Besides: the first of which we cannot know; empty: none.
  std::string may_be_hidden_by() const;

  // "ingress: cil_from_netdev (tcx); egress: …"; empty: nobody.
  std::string text() const;

 private:
  std::array<Chain, 2> ahead_;  // by hook
};

}  // namespace shadowtap::capture
