// The kernel's counters under the names that the ledger and the metrics use. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/capture/tap.h"

namespace shadowtap::capture {

// `sum` holds SHADOWTAP_COUNTERS counters, added over CPUs.
PacketCounts to_packet_counts(const std::vector<std::uint64_t>& sum);

}  // namespace shadowtap::capture
