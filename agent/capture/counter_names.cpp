#include "agent/capture/counter_names.h"

#include <linux/types.h>

#include "bpf/shadowtap_event.h"

namespace shadowtap::capture {
namespace {

struct Named {
  shadowtap_counter counter;
  const char* name;
};

constexpr Named kLost[] = {
    {SHADOWTAP_LOST_RING_FULL, "ring_full"},       {SHADOWTAP_LOST_SHED, "shed"},
    {SHADOWTAP_LOST_REFUSED_FLOW, "refused_flow"}, {SHADOWTAP_LOST_FLOW_TABLE, "flow_table_full"},
    {SHADOWTAP_LOST_TRUNCATED, "truncated"},       {SHADOWTAP_LOST_FRAGMENT, "fragment"},
    {SHADOWTAP_LOST_UNREADABLE, "unreadable"},
};

constexpr Named kIgnored[] = {
    {SHADOWTAP_IGNORED_NOT_LOCAL, "not_local"},
    {SHADOWTAP_IGNORED_DUPLICATE, "duplicate"},
    {SHADOWTAP_IGNORED_VERDICT, "verdict"},
    {SHADOWTAP_IGNORED_SAMPLED_OUT, "sampled_out"},
    {SHADOWTAP_IGNORED_OWN_TRAFFIC, "own_traffic"},
    {SHADOWTAP_IGNORED_TARGET, "target"},
    {SHADOWTAP_IGNORED_ACK, "ack"},
    {SHADOWTAP_IGNORED_UNKNOWN_FLOW, "unknown_flow"},
    {SHADOWTAP_IGNORED_FRAGMENT, "fragment"},
    {SHADOWTAP_IGNORED_STALE, "stale"},
};

}  // namespace

PacketCounts to_packet_counts(const std::vector<std::uint64_t>& sum) {
  PacketCounts counts;
  counts.to_server = sum[SHADOWTAP_MATCHED_TO_SERVER];
  counts.to_client = sum[SHADOWTAP_MATCHED_TO_CLIENT];
  counts.matched = counts.to_server + counts.to_client;
  counts.delivered = sum[SHADOWTAP_DELIVERED];
  for (const Named& named : kLost) counts.lost.emplace_back(named.name, sum[named.counter]);
  for (const Named& named : kIgnored) counts.ignored.emplace_back(named.name, sum[named.counter]);
  return counts;
}

}  // namespace shadowtap::capture
