// One JSON text as a flat array of nodes in document order: a subtree is a range, so
// walking, hashing and skipping need no recursion and no pointer. Numbers keep their
// text (they are exact decimals), strings without escapes are views of the source.
//
// RFC 8259 with two liberties: a byte order mark is skipped, and an escaped lone
// surrogate is a code point like any other. Duplicate keys are kept and marked.
// The source outlives the document.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace shadowtap::diff {

// In the order in which values of different types sort.
enum class JsonType : std::uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

// true and false are one type.
constexpr bool same_type(JsonType a, JsonType b) {
  const auto is_boolean = [](JsonType t) { return t == JsonType::kTrue || t == JsonType::kFalse; };
  return a == b || (is_boolean(a) && is_boolean(b));
}

using NodeId = std::uint32_t;

// No member initializers: the reader fills a whole array of these.
struct JsonNode {
  std::uint32_t raw;       // where the value's text begins in the source
  std::uint32_t raw_size;
  std::uint32_t key;       // of a member: its decoded key
  std::uint32_t key_size;
  NodeId end;              // past the last node of the subtree
  std::uint32_t count;     // children; of an escaped string: its decoded size
  std::uint32_t decoded;   // of an escaped string: where it stands decoded
  JsonType type;
  bool key_escaped;        // the key stands in the decoded text
  bool escaped;
  bool duplicates;         // an object in which a key repeats
};

enum class JsonParsed : std::uint8_t {
  kDocument,
  kNotJson,
  kTooLarge,  // more nodes than allowed, or 4 GiB of text
};

// Storage for nodes. Fresh memory costs as much as parsing into it, so each thread keeps
// a few small ones for its next documents.
class JsonNodes {
 public:
  JsonNodes() = default;
  explicit JsonNodes(std::size_t capacity);
  ~JsonNodes();
  JsonNodes(JsonNodes&& other) noexcept { swap(other); }
  JsonNodes& operator=(JsonNodes&& other) noexcept {
    swap(other);
    return *this;
  }

  JsonNode* get() const { return nodes_.get(); }
  const JsonNode& operator[](NodeId id) const { return nodes_[id]; }

 private:
  struct Kept;
  static Kept& kept();
  void swap(JsonNodes& other) noexcept {
    std::swap(nodes_, other.nodes_);
    std::swap(capacity_, other.capacity_);
  }

  std::unique_ptr<JsonNode[]> nodes_;
  std::size_t capacity_ = 0;
};

class JsonDocument {
 public:
  // Parses one value. Node 0 is the root.
  JsonParsed parse(std::string_view text, std::uint64_t max_nodes);
  // Parses any number of values, one after the other (NDJSON): node 0 is an array of them.
  JsonParsed parse_sequence(std::string_view text, std::uint64_t max_nodes);

  std::size_t size() const { return size_; }
  const JsonNode& operator[](NodeId id) const { return nodes_[id]; }
  bool is_container(NodeId id) const { return nodes_[id].type >= JsonType::kArray; }

  std::string_view raw(NodeId id) const {
    return source_.substr(nodes_[id].raw, nodes_[id].raw_size);
  }
  std::string_view key(NodeId id) const {
    const JsonNode& n = nodes_[id];
    return (n.key_escaped ? std::string_view(decoded_) : source_).substr(n.key, n.key_size);
  }
  // Requires a string.
  std::string_view string(NodeId id) const {
    const JsonNode& n = nodes_[id];
    if (n.escaped) return std::string_view(decoded_).substr(n.decoded, n.count);
    return source_.substr(n.raw + 1, n.raw_size - 2);
  }

 private:
  friend class JsonBuilder;
  std::string_view source_;
  std::string decoded_;
  JsonNodes nodes_;
  std::size_t size_ = 0;
};

// The same value, whatever the spelling of numbers and the escapes. Members must come in
// the same order: false may mean no more than "not obviously equal".
bool plainly_equal(const JsonDocument& a, NodeId x, const JsonDocument& b, NodeId y);

// One scalar against one scalar, exactly.
bool equal_scalars(const JsonDocument& a, NodeId x, const JsonDocument& b, NodeId y);

}  // namespace shadowtap::diff
