#include "diff/json_side.h"

#include <algorithm>

#include "diff/hash.h"
#include "diff/number.h"

namespace shadowtap::diff {
namespace {

constexpr int kMaxEmbeddedDepth = 4;
constexpr std::uint64_t kTypeSeeds[] = {0x11, 0x22, 0x22, 0x33, 0x44, 0x55, 0x66};

std::uint64_t type_hash(JsonType type) {
  return mix(kTypeSeeds[static_cast<std::size_t>(type)], 0x8e51a3f7c6d2b911ULL);
}

}  // namespace

JsonSide::JsonSide(const JsonDocument& document, const RuleSet::Compiled& rules, int depth)
    : JsonSide(document, rules, depth, JsonMarks::all_starts(rules), 0) {}

JsonSide::JsonSide(const JsonDocument& document, const RuleSet::Compiled& rules, int depth,
                   std::span<const JsonRuleStart> starts, Kinds inherited)
    : document_(document), rules_(rules), depth_(depth) {
  marks_.build(document, rules, starts, inherited);
}

JsonSide* JsonSide::embedded(NodeId string) {
  const std::string_view text = document_.string(string);
  if (depth_ >= kMaxEmbeddedDepth || text.empty() ||
      (text.front() != '{' && text.front() != '[')) {
    return nullptr;
  }
  auto& entry = embedded_[string];
  if (!entry) {
    entry = std::make_unique<Embedded>();
    if (entry->document.parse(text, text.size()) == JsonParsed::kDocument) {
      entry->side = std::make_unique<JsonSide>(entry->document, rules_, depth_ + 1,
                                               marks_.starts_at(string),
                                               marks_[string].ignored);
    }
  }
  return entry->side.get();
}

void JsonSide::hash(NodeId first, NodeId end) {
  if (hashes_.empty()) hashes_.resize(document_.size());
  // Children stand after their parents, so from the back each finds its children done.
  for (NodeId id = end; id-- > first;) {
    if (hashes_[id].value == 0) hash_node(id);
  }
}

std::uint64_t JsonSide::element_hash(NodeId id) const {
  return mark(id).own ? hashes_[id].plain : hashes_[id].value;
}

void JsonSide::hash_node(NodeId id) {
  Hash& h = hashes_[id];
  switch (document_[id].type) {
    case JsonType::kArray: hash_array(id, h); break;
    case JsonType::kObject: hash_object(id, h); break;
    case JsonType::kString: hash_string(id, h); break;
    default: hash_scalar(id, h); break;
  }
  if (document_[id].type < JsonType::kArray) {
    if (rules_.mode == Mode::kShape) {
      h.value = type_hash(document_[id].type);
      // Documents inside strings are compared as well.
      h.exact = document_[id].type != JsonType::kString || embedded(id) == nullptr;
    }
    forgive(id, h);
  }
  h.value |= 1;
  h.plain |= 1;
}

void JsonSide::hash_scalar(NodeId id, Hash& h) {
  const JsonType type = document_[id].type;
  h.value = type_hash(type);
  if (type == JsonType::kTrue) h.value = mix(h.value, 7);
  if (type == JsonType::kNumber) h.value = mix(h.value, hash_number(document_.raw(id)));
  h.plain = h.value;
}

void JsonSide::hash_string(NodeId id, Hash& h) {
  h.value = h.plain = hash_bytes(document_.string(id), kTypeSeeds[4]);
  if (JsonSide* inner = embedded(id)) {
    inner->hash(0, static_cast<NodeId>(inner->doc().size()));
    h.value = mix(inner->hash_of(0), 0x77);
    h.plain = mix(inner->hashes_[0].plain, 0x77);
    h.exact = inner->exact(0);
  }
}

// A value that a tolerance or pattern may make equal to another one looks like all of
// its type.
void JsonSide::forgive(NodeId id, Hash& h) const {
  const auto& refs = marks_.forgiving(id);
  if (refs.empty()) return;
  const JsonType type = document_[id].type;
  const bool number = type == JsonType::kNumber;
  const std::string_view text =
      type == JsonType::kString ? document_.string(id) : document_.raw(id);
  if (std::none_of(refs.begin(), refs.end(), [&](RuleRef ref) {
        return rules_.rules[ref - 1U].applies(text, number);
      })) {
    return;
  }
  h.value = type_hash(type);
  h.exact = false;
}

void JsonSide::hash_object(NodeId id, Hash& h) {
  const bool additive = rules_.mode == Mode::kAdditive;
  h.value = h.plain = type_hash(JsonType::kObject);
  const auto ordinal =
      document_[id].duplicates ? ordinals(id) : std::vector<std::uint32_t>{};
  std::size_t i = 0;
  for (NodeId c = id + 1; c < document_[id].end; c = document_[c].end, ++i) {
    std::uint64_t key = hash_bytes(document_.key(c));
    if (!ordinal.empty()) key = mix(key, ordinal[i]);
    const Hash& child = hashes_[c];
    h.plain += mix(key, child.plain);
    const Kinds ignored = mark(c).ignored;
    h.exact = h.exact && child.exact && (ignored == 0 || ignored == kAllKinds);
    if (ignored == 0) h.value += mix(key, child.value);
  }
  if (additive) {
    h.value = type_hash(JsonType::kObject);
    h.exact = false;
  }
}

void JsonSide::hash_array(NodeId id, Hash& h) {
  h.value = h.plain = mix(type_hash(JsonType::kArray), document_[id].count);
  const bool unordered = mark(id).array != 0;
  bool weak = false;
  for (NodeId c = id + 1; c < document_[id].end; c = document_[c].end) {
    const Hash& child = hashes_[c];
    h.plain = mix(h.plain, child.plain);
    h.value = unordered ? h.value + mix(child.value, 0x99) : mix(h.value, child.value);
    h.exact = h.exact && child.exact;
    weak = weak || mark(c).ignored != 0;
  }
  if (weak) {
    h.value = type_hash(JsonType::kArray);
    h.exact = false;
  }
}

// Which of its namesakes each member is.
std::vector<std::uint32_t> JsonSide::ordinals(NodeId object) const {
  std::unordered_map<std::string_view, std::uint32_t> seen;
  std::vector<std::uint32_t> ordinals;
  for (NodeId c = object + 1; c < document_[object].end; c = document_[c].end) {
    ordinals.push_back(seen[document_.key(c)]++);
  }
  return ordinals;
}

}  // namespace shadowtap::diff
