// The comparers of bodies, one per kind of document. Each reports what differs; none
// asks what the response's headers say. Internal to diff/.
#pragma once

#include <string_view>

#include "diff/compiled_rules.h"
#include "diff/media.h"
#include "diff/report.h"

namespace shadowtap::diff {

// The bodies and what they are. Views outlive the comparison.
struct BodyPair {
  std::string_view left;
  std::string_view right;
};

enum class BodyCompared : std::uint8_t {
  kDone,
  kNotIt,  // neither side is such a document: compare as text
};

// One `type` at "$" where only one side is JSON.
BodyCompared diff_json_bodies(const BodyPair& bodies, bool sequence,
                              const RuleSet::Compiled& rules, Report& report);
void diff_text(const BodyPair& bodies, const RuleSet::Compiled& rules, Report& report);
void diff_binary(const BodyPair& bodies, const RuleSet::Compiled& rules, Report& report);

}  // namespace shadowtap::diff
