// Puts a change of the configuration into effect: on every shard, by posting, and in
// results. What is wrong with a change is found before anything is posted.
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
class Shard;

config::Effects make_effects(const config::LiveConfig& config,
                             std::vector<std::unique_ptr<Shard>>& shards,
                             results::Results& results);

}  // namespace shadowtap
