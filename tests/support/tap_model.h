// What the kernel side does with verdicts, for the packets of one connection
// (bpf/shadowtap.bpf.c, is_skipped()).
#pragma once

#include <cstdint>

#include "agent/net/flow_verdict.h"
#include "agent/net/sequence.h"
#include "tests/support/wire.h"

namespace shadowtap::testing {

class TapModel {
 public:
  void told(const net::FlowVerdict& verdict) {
    words_[static_cast<std::size_t>(verdict.direction)] = {true, verdict.kind, verdict.until};
  }

  bool copies(const net::Segment& s) {
    Word& word = words_[static_cast<std::size_t>(s.direction)];
    if (!word.set) return true;
    if ((s.flags & (net::kSyn | net::kFin | net::kRst)) != 0) return true;
    if (word.kind == net::SkipKind::kForEver) return false;
    if (net::sequence_distance(word.until, s.sequence + s.payload_size) <= 0) return false;
    word.set = false;
    return true;
  }

 private:
  struct Word {
    bool set = false;
    net::SkipKind kind = net::SkipKind::kForEver;
    std::uint32_t until = 0;
  };
  Word words_[2];
};

}  // namespace shadowtap::testing
