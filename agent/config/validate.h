// What must hold between values, whoever set them: the file or the flags. Knows nothing of
// the host it runs on; own_address.h does.
#pragma once

#include "agent/config/config.h"
#include "agent/config/reader.h"

namespace shadowtap::config {

// `root` is the tree that `config` was read from (an empty one if none): complaints about
// what stands in it have its place.
void validate(const Config& config, const Node& root, Complaints& complaints);

}  // namespace shadowtap::config
