// One side of a JSON comparison: the document, what the rules say about its nodes, its
// hashes under those rules, and the documents embedded in its strings. Built lazily:
// most comparisons need no hash. Internal to diff/.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "diff/json_document.h"
#include "diff/json_rules.h"

namespace shadowtap::diff {

class JsonSide {
 public:
  JsonSide(const JsonDocument& document, const RuleSet::Compiled& rules, int depth = 0);
  // For an embedded document.
  JsonSide(const JsonDocument& document, const RuleSet::Compiled& rules, int depth,
           std::span<const JsonRuleStart> starts, Kinds inherited);

  const JsonDocument& doc() const { return document_; }
  const JsonMark& mark(NodeId id) const { return marks_[id]; }
  const std::vector<RuleRef>& forgiving(NodeId id) const { return marks_.forgiving(id); }
  bool has_marks() const { return !marks_.empty(); }
  const RuleSet::Compiled& rules() const { return rules_; }

  // The document in this string, or null: it does not begin like one, does not parse, or
  // stands too deep.
  JsonSide* embedded(NodeId string);

  // Hashes every node of [first, end). Needed before the four below.
  void hash(NodeId first, NodeId end);
  bool hashed(NodeId id) const { return id < hashes_.size() && hashes_[id].value != 0; }
  // Equal where two nodes are equal under the rules; of an exact one also the reverse,
  // but for collisions.
  std::uint64_t hash_of(NodeId id) const { return hashes_[id].value; }
  bool exact(NodeId id) const { return hashes_[id].exact; }
  // As an element of its array: a rule that ignores elements does not hide their order.
  std::uint64_t element_hash(NodeId id) const;

 private:
  struct Hash {
    std::uint64_t value = 0;
    std::uint64_t plain = 0;  // without rules
    bool exact = true;
  };
  struct Embedded;

  void hash_node(NodeId id);
  void hash_scalar(NodeId id, Hash& h);
  void hash_string(NodeId id, Hash& h);
  void hash_object(NodeId id, Hash& h);
  void hash_array(NodeId id, Hash& h);
  void forgive(NodeId id, Hash& h) const;
  std::vector<std::uint32_t> ordinals(NodeId object) const;

  const JsonDocument& document_;
  const RuleSet::Compiled& rules_;
  int depth_;
  JsonMarks marks_;
  std::vector<Hash> hashes_;
  std::unordered_map<NodeId, std::unique_ptr<Embedded>> embedded_;
};

struct JsonSide::Embedded {
  JsonDocument document;
  std::unique_ptr<JsonSide> side;  // null: it does not parse
};

}  // namespace shadowtap::diff
