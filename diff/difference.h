// What a difference is: one place where two responses differ, in the notation of
// INTERFACES section 5. Plain values; knows nothing of how they are found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diff/media.h"

namespace shadowtap::diff {

enum class Kind : std::uint8_t {
  kStatus,
  kValue,
  kType,
  kMissing,   // only on the left (the original)
  kExtra,     // only on the right (the candidate)
  kOrder,     // the same elements in another order
  kText,
  kBinary,
  kEncoding,  // only the coding differs, the content is equal
};
std::string_view to_string(Kind kind);
std::optional<Kind> kind_from(std::string_view name);

struct Difference {
  std::string path;        // exact: $.items[3].price
  std::string aggregated;  // over exchanges: $.items[*].price
  Kind kind = Kind::kValue;
  std::string left;        // as text; JSON values as JSON; cut at max_shown_bytes
  std::string right;
  std::string right_path;  // where it differs from `path`, else empty
};

struct Differences {
  std::vector<Difference> all;
  bool equal = true;       // equal and not truncated iff nothing differs
  bool truncated = false;  // a budget ended before everything was found
  bool ignored = false;    // equal, but would not be without the rules
  Media media = Media::kText;         // what the bodies were compared as
  std::vector<std::string> map_like;  // aggregated paths of objects newly found map-like
  std::vector<std::string> notes;
};

}  // namespace shadowtap::diff
