// Replaces what secret elements and attributes hold in an XML or HTML text, or in the part of
// one that is there: works on tags, so that a cut or slightly wrong document is redacted as
// well. An element that does not end loses everything behind it. Knows nothing of nesting but
// of one name in itself, and reads comments and CDATA as markup. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace shadowtap::results {

struct MarkupSecrets {
  // Names as they are written.
  std::function<bool(std::string_view element)> is_element;
  std::function<bool(std::string_view element, std::string_view attribute)> is_attribute;
  std::function<std::string(std::string_view value)> mark;
};

std::string redact_markup(std::string_view text, const MarkupSecrets& secrets);

}  // namespace shadowtap::results
