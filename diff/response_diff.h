// Two responses in, their differences out. Pure: no I/O, no clock, no thread; it
// cannot fail. What cannot be parsed as its media type is compared as what it is,
// and the notes say so. Re-entrant: threads may compare at the same time.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "diff/difference.h"
#include "diff/rules.h"

namespace shadowtap::diff {

struct HeaderLine {
  std::string_view name;
  std::string_view value;
};

// A response as a view; whoever owns it keeps it alive during compare().
struct ResponseView {
  int status = 0;                        // 0: there is none, a body alone
  bool head = false;                     // answer to HEAD: Content-Length is compared
  std::span<const HeaderLine> headers;
  std::string_view body;                 // decoded (content coding removed) where it could be
  std::string_view coding;               // the content coding that was removed, else empty
  std::span<const HeaderLine> trailers;
};

struct Budget {
  std::size_t max_differences = 1000;
  std::uint64_t max_steps = 20'000'000;  // elementary comparisons
  std::size_t max_shown_bytes = 256;     // of left and right in a Difference
};

// The aggregated paths of objects found map-like before (INTERFACES section 5, "Map-like":
// it latches). Kept by the caller, one per route: pass it in, add Differences::map_like.
using MapLikePaths = std::set<std::string, std::less<>>;

Differences compare(const ResponseView& left, const ResponseView& right, const RuleSet& rules,
                    const Budget& budget = {}, const MapLikePaths* map_like = nullptr);

// What the body is compared as, if the other side has the same type.
Media media_of(const ResponseView& response);

}  // namespace shadowtap::diff
