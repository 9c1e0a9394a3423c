// What `shadowtap compare` prints: two columns for people, one JSON object for machines.
// Text out of values; knows nothing of files or terminals.
#pragma once

#include <cstddef>
#include <string>

#include "diff/difference.h"

namespace shadowtap::commands {

struct TextStyle {
  bool colour = false;
  std::size_t width = 80;
};

std::string as_text(const diff::Differences& differences, const TextStyle& style);

// INTERFACES section 5. `left` and `right` are JSON values where they come from JSON, else
// strings; null on the side that has nothing.
std::string as_json(const diff::Differences& differences);

}  // namespace shadowtap::commands
