// The comparers of bodies, one per kind of document. Each reports what differs; none
// asks what the response's headers say. Internal to diff/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "diff/compiled_rules.h"
#include "diff/media.h"
#include "diff/report.h"

namespace shadowtap::diff {

// Views outlive the comparison.
struct BodyPair {
  std::string_view left;
  std::string_view right;
  // Decoded by the header's charset: what the document itself declares is past.
  bool left_is_utf8 = false;
  bool right_is_utf8 = false;
};

enum class BodyCompared : std::uint8_t {
  kDone,
  kNotIt,  // not such documents: compare as text
};

// `sequence`: NDJSON. One `type` at "$" where only one side is JSON.
BodyCompared diff_json_bodies(const BodyPair& bodies, bool sequence,
                              const RuleSet::Compiled& rules, Report& report);
// A depth of 256 and more is not taken as markup (libxml2's limit).
BodyCompared diff_markup(const BodyPair& bodies, bool html, const RuleSet::Compiled& rules,
                         Report& report);
// application/x-www-form-urlencoded: fields by name, the values of one name in order.
void diff_form(const BodyPair& bodies, const RuleSet::Compiled& rules, Report& report);
// Parts by name; each with its file name and its headers.
BodyCompared diff_multipart(const BodyPair& bodies, const std::string& left_boundary,
                            const std::string& right_boundary,
                            const RuleSet::Compiled& rules, Report& report);
void diff_text(const BodyPair& bodies, const RuleSet::Compiled& rules, Report& report);
void diff_binary(const BodyPair& bodies, const RuleSet::Compiled& rules, Report& report);

}  // namespace shadowtap::diff
