#include "agent/capture/ahead.h"

#include <algorithm>

namespace shadowtap::capture {
namespace {

constexpr HookPoint kPoints[] = {HookPoint::kIngress, HookPoint::kEgress};

constexpr std::size_t index_of(HookPoint point) { return point == HookPoint::kEgress ? 1 : 0; }

void name_as_before(Chain& chain, const Chain& before) {
  for (ChainLink& link : chain) {
    if (link.named) continue;
    const auto known = std::ranges::find(before, link.id, &ChainLink::id);
    if (known != before.end()) link = *known;
  }
}

}  // namespace

void Ahead::see(HookPoint point, const Result<Chain>& chain) {
  if (!chain) return;
  Chain now = ahead_of_us(*chain);
  Chain& before = ahead_[index_of(point)];
  name_as_before(now, before);
  before = std::move(now);
}

std::string Ahead::hidden_by() const {
  for (const Chain& chain : ahead_)
    if (std::string program = ends_the_chain(chain); !program.empty()) return program;
  return {};
}

std::string Ahead::may_be_hidden_by() const {
  for (const Chain& chain : ahead_)
    if (std::string program = may_end_the_chain(chain); !program.empty()) return program;
  return {};
}

std::string Ahead::text() const {
  std::string text;
  for (const HookPoint point : kPoints) {
    const Chain& chain = ahead_[index_of(point)];
    if (chain.empty()) continue;
    text += std::string(text.empty() ? "" : "; ") + name_of(point) + ": " + describe(chain);
  }
  return text;
}

}  // namespace shadowtap::capture
