// An XML or HTML document as a tree of our own: elements, attributes and text, without
// what carries no content (comments, processing instructions, space between elements).
// Knows libxml2; loads nothing, expands no entity, follows no link. Internal to diff/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shadowtap::diff {

struct MarkupAttribute {
  std::string name;   // as written, with its prefix
  std::string space;  // namespace URI
  std::string value;
};

struct MarkupNode {
  std::string name;  // empty: text
  std::string space;
  std::string text;  // of a text node
  std::vector<MarkupAttribute> attributes;  // sorted by name
  std::vector<MarkupNode> children;
  int index = 1;        // among the siblings of that name, from 1
  bool alone = true;    // no sibling has that name
  std::uint64_t hash = 0;  // of the subtree under the rules; filled by the comparer

  bool is_text() const { return name.empty(); }
};

// Nothing where it does not parse, is nested deeper than 256, or has a tag of more than 4096
// attributes (HTML in UTF-8: some more). `is_utf8`: whatever encoding it declares.
std::optional<MarkupNode> parse_markup(std::string_view text, bool html, bool is_utf8);

}  // namespace shadowtap::diff
