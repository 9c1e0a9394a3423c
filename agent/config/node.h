// A configuration document as a tree: scalars, lists and maps, each with its place in the
// text. Knows no key and no type. What the YAML reader gives and the printers take.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace shadowtap::config {

struct Place {
  int line = 0;  // from 1; 0: made by us, not read
  int column = 0;
};

struct Entry;

struct Node {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  Place place;
  std::string scalar;
  bool is_text = false;  // printed with quotes where it would read as something else
  std::vector<Node> items;
  std::vector<Entry> entries;  // keys are unique

  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);
  Node& add(std::string_view key);  // at the end; the key must be new
};

struct Entry {
  std::string key;
  Place place;
  Node value;
};

Node empty_map(Place place = {});
Node scalar_node(std::string scalar, bool is_text);

bool operator==(const Node& a, const Node& b);  // content; places do not count

struct TextLimits {
  std::size_t max_bytes = 4 << 20;
  std::size_t max_depth = 32;
  std::size_t max_nodes = 200'000;
};

// Reads one YAML document (JSON is YAML). Anchors, aliases, tags, duplicate keys, keys that
// are no scalars, a second document and anything over the limits are errors, as
// "<name>:<line>:<column>: …".
Result<Node> read_yaml(const std::string& text, const std::string& name,
                       const TextLimits& limits = {});
// Reads the file first; "-" is not special.
Result<Node> read_yaml_file(const std::string& path);

std::string print_yaml(const Node& node);  // block style; reads back as the same tree
std::string print_json(const Node& node);

}  // namespace shadowtap::config
