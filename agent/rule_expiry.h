// Rules that end by themselves: which of them hold at a given time. Pure functions; the
// diff library knows no clock, so its owner takes the others out and compiles again.
#pragma once

#include <optional>
#include <string_view>

#include "agent/base/time.h"
#include "diff/rules.h"

namespace shadowtap {

// RFC 3339, e.g. "2026-12-01T00:00:00Z"; nullopt for what is none.
std::optional<WallTime> parse_time(std::string_view text);

// Without the rules whose `expires` has come. One that cannot be read never expires (the
// configuration refuses such a rule).
diff::Rules in_force(diff::Rules rules, WallTime now);

// The first moment after `now` at which in_force() changes.
std::optional<WallTime> next_expiry(const diff::Rules& rules, WallTime now);

}  // namespace shadowtap
