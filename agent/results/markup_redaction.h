// Replaces what secret elements and attributes hold in an XML or HTML text, or in the part of
// one that is there: works on tags, so that a cut or slightly wrong document is redacted as
// well. Knows nothing of nesting but of one name in itself, and reads comments and CDATA as
// markup.
//
// In a document an element that does not end loses everything behind it. Any other text may
// only speak of one ("Bearer <token>"): there such an element ends with its line or at a quote,
// and what stands in a JSON string is a text of its own, so that JSON stays JSON. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace shadowtap::results {

struct MarkupSecrets {
  // Local names; an attribute of a secret element is secret without being asked for.
  std::function<bool(std::string_view element)> is_element;
  std::function<bool(std::string_view element, std::string_view attribute)> is_attribute;
  std::function<std::string(std::string_view value)> mark;
};

std::string redact_markup(std::string_view text, bool is_document, const MarkupSecrets& secrets,
                          int depth = 0);

}  // namespace shadowtap::results
