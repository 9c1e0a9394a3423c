#include "agent/ramp_feed.h"

#include <utility>

namespace shadowtap {

// Results that were deleted meanwhile count from zero again: nothing is known of the time between.
RampFeed::Judged RampFeed::since(const Judged& before, const Judged& now) {
  if (now.all < before.all || now.trouble < before.trouble) return {};
  return {now.trouble - before.trouble, now.all - before.all};
}

void RampFeed::tell(const std::vector<results::RouteMetrics>& routes) {
  std::map<std::string, Judged> now;
  for (const results::RouteMetrics& route : routes) {
    Judged& judged = now[route.service];
    for (const auto& [outcome, n] : route.outcomes) {
      judged.all += n;
      if (outcome == "mismatch" || outcome == "error") judged.trouble += n;
    }
  }
  for (std::size_t s = 0; s < config_.services.size(); ++s) {
    const std::string& name = config_.services[s].name;
    const Judged before = std::exchange(told_[name], now[name]);
    const Judged more = since(before, now[name]);
    if (more.all == 0) continue;
    for (auto& shard : shards_) {
      shard->post([s, more](Shard& on) { on.dispatcher(s).observe_trouble(more.trouble, more.all); });
    }
  }
}

}  // namespace shadowtap
