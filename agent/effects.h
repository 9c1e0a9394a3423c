// Puts a change of the configuration into effect: on every shard, by posting (all that a
// re-read changes as one), in results, in the limits over all targets and in the services'
// guards. What is wrong with a change is found before anything is posted.
//
// Control thread. What it is given outlives the functions it returns.
#pragma once

#include <memory>
#include <vector>

#include "agent/config/live_config.h"

namespace shadowtap {

namespace results {
class Results;
}
namespace shadow {
class ServiceHealth;
class SharedLimits;
}
class Shard;

// `health`: by service, as the configuration has them; empty for a recording.
config::Effects make_effects(const config::LiveConfig& config,
                             std::vector<std::unique_ptr<Shard>>& shards,
                             results::Results& results, shadow::SharedLimits& limits,
                             const std::vector<std::unique_ptr<shadow::ServiceHealth>>& health);

}  // namespace shadowtap
