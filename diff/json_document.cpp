#include "diff/json_document.h"

#include "diff/json_parser.h"
#include "diff/number.h"

namespace shadowtap::diff {

JsonParsed JsonDocument::parse(std::string_view text, std::uint64_t max_nodes) {
  return parse_json(JsonBuilder(*this), text, max_nodes, false);
}

JsonParsed JsonDocument::parse_sequence(std::string_view text, std::uint64_t max_nodes) {
  return parse_json(JsonBuilder(*this), text, max_nodes, true);
}

bool equal_scalars(const JsonDocument& a, NodeId x, const JsonDocument& b, NodeId y) {
  if (a[x].type != b[y].type) return false;
  switch (a[x].type) {
    case JsonType::kNumber: return equal_numbers(a.raw(x), b.raw(y));
    case JsonType::kString: return a.string(x) == b.string(y);
    default: return true;
  }
}

// Two subtrees of one shape are two ranges of one length, so this is one loop.
bool plainly_equal(const JsonDocument& a, NodeId x, const JsonDocument& b, NodeId y) {
  const NodeId size = a[x].end - x;
  if (b[y].end - y != size) return false;
  for (NodeId i = 0; i < size; ++i) {
    const JsonNode& m = a[x + i];
    const JsonNode& n = b[y + i];
    if (m.type != n.type || m.end - x != n.end - y) return false;
    if (i > 0 && a.key(x + i) != b.key(y + i)) return false;
    if (m.type < JsonType::kArray && !equal_scalars(a, x + i, b, y + i)) return false;
  }
  return true;
}

}  // namespace shadowtap::diff
