#include "diff/json_document.h"

#include <vector>

#include "diff/json_parser.h"
#include "diff/number.h"

namespace shadowtap::diff {

// Two documents are alive in a comparison; more only where some are embedded.
struct JsonNodes::Kept {
  static constexpr std::size_t kMany = 2;
  static constexpr std::size_t kSmall = 64 << 10;  // 2 MiB

  std::vector<JsonNodes> nodes;
  // What is kept must not come back while it is taken down.
  ~Kept() {
    for (auto& n : nodes) n.capacity_ = kSmall + 1;
  }
};

JsonNodes::Kept& JsonNodes::kept() {
  thread_local Kept kept;
  return kept;
}

JsonNodes::JsonNodes(std::size_t capacity) {
  auto& nodes = kept().nodes;
  if (!nodes.empty()) {
    swap(nodes.back());
    nodes.pop_back();
  }
  if (capacity_ >= capacity) return;
  nodes_ = std::make_unique_for_overwrite<JsonNode[]>(capacity);
  capacity_ = capacity;
}

JsonNodes::~JsonNodes() {
  if (!nodes_ || capacity_ > Kept::kSmall) return;
  Kept& k = kept();
  if (k.nodes.size() < Kept::kMany) k.nodes.push_back(std::move(*this));
}

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
  if (a.raw(x) == b.raw(y)) return true;
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
