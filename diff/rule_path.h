// A rule's path: what part of a response it points into, and where there. Parsed once,
// matched against nodes (JSON, markup) or names (headers, cookies, form fields).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "diff/json_path.h"

namespace shadowtap::diff {

// One step of the XPath subset: "/item[2]", "//note", "/@id", "/text()", "/*".
struct MarkupStep {
  bool descendant = false;
  std::string name;  // "*": any element; "@id", "@*": attribute; "text()"
  int index = 0;     // from 1; 0: any
};

struct RulePath {
  enum class Into : std::uint8_t {
    kStatus, kHeader, kCookie, kTrailer, kForm, kJson, kMarkup, kLine, kByte,
  };
  Into into = Into::kJson;
  std::string name;              // lower-case; form fields as they are; "*": every one
  std::vector<JsonPath> json;    // one per document, split at the bars
  std::vector<MarkupStep> markup;
  std::size_t number = 0;        // of a line, or the byte's offset
  bool any_number = false;       // "line *"

  bool names(Into part, std::string_view lower_name) const {
    return into == part && (name == "*" || name == lower_name);
  }
};

// False: `error` says where in `text` and why.
bool parse_rule_path(std::string_view text, RulePath& path, std::string& error);

}  // namespace shadowtap::diff
