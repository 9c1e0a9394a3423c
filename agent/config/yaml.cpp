// The only unit that knows yaml-cpp. It takes the parser's events rather than its tree,
// because the tree keeps the first of duplicate keys silently and expands aliases.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <sstream>

#include "agent/config/node.h"

namespace shadowtap::config {
namespace {

Place place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// A mistake that ends the reading; thrown through yaml-cpp and caught in read_yaml.
struct Refused {
  Place place;
  std::string sentence;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const TextLimits& limits) : limits_(limits) {}

  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add_value(mark, Node::Kind::kNull);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused{place_of(mark), "aliases (*name) are not taken; write the value again"};
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (awaits_key()) return take_key(mark, value);
    Node& node = add_value(mark, Node::Kind::kScalar);
    node.scalar = value;
    node.is_text = tag == "!";  // quoted
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    descend(add_value(mark, Node::Kind::kList), mark);
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    descend(add_value(mark, Node::Kind::kMap), mark);
  }

  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  struct Open {
    Node* node;
    bool has_key = false;  // of a map: its last entry waits for its value
  };

  bool awaits_key() const {
    return !open_.empty() && open_.back().node->kind == Node::Kind::kMap && !open_.back().has_key;
  }

  void take_key(const YAML::Mark& mark, const std::string& key) {
    Node& map = *open_.back().node;
    for (const Entry& entry : map.entries) {
      if (entry.key != key) continue;
      throw Refused{place_of(mark), "key '" + key + "' stands here again; first at " +
                                        std::to_string(entry.place.line) + ":" +
                                        std::to_string(entry.place.column)};
    }
    // YAML's own limit for a key on its line is 1024.
    if (key.size() > kMaxKeyBytes) throw Refused{place_of(mark), "has too long a key"};
    if (map.entries.size() >= kMaxKeys) throw Refused{place_of(mark), "too many keys in one map"};
    map.entries.push_back({key, place_of(mark), {}});
    open_.back().has_key = true;
  }

  // The place for a value: the root, a new item, or the value of the last key. A parent's
  // vector does not grow while one of its elements is open, so pointers into it hold.
  Node& add_value(const YAML::Mark& mark, Node::Kind kind) {
    if (++nodes_ > limits_.max_nodes) throw Refused{place_of(mark), "has too many values"};
    Node* node = &root_;
    if (awaits_key()) throw Refused{place_of(mark), "a key must be a plain word"};
    if (!open_.empty()) {
      Open& open = open_.back();
      node = open.node->kind == Node::Kind::kList ? &open.node->items.emplace_back()
                                                  : &open.node->entries.back().value;
      open.has_key = false;
    }
    node->kind = kind;
    node->place = place_of(mark);
    return *node;
  }

  void descend(Node& node, const YAML::Mark& mark) {
    if (open_.size() >= limits_.max_depth) throw Refused{place_of(mark), "is nested too deeply"};
    open_.push_back({&node});
  }

  static void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor == YAML::NullAnchor) return;
    throw Refused{place_of(mark), "anchors (&name) are not taken"};
  }

  static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    // What looks like one may be a password.
    throw Refused{place_of(mark), "tags (!name) are not taken; quote a value that begins with '!'"};
  }

  static constexpr std::size_t kMaxKeyBytes = 256;
  static constexpr std::size_t kMaxKeys = 1000;  // take_key() is a linear search

  TextLimits limits_;
  Node root_;
  std::vector<Open> open_;
  std::size_t nodes_ = 0;
};

std::string at(const std::string& name, Place place) {
  return name + ":" + std::to_string(place.line) + ":" + std::to_string(place.column) + ": ";
}

}  // namespace

Result<Node> read_yaml(const std::string& text, const std::string& name,
                       const TextLimits& limits) {
  if (text.size() > limits.max_bytes) return plain_error(name + ": is too large");
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    TreeBuilder builder(limits);
    parser.HandleNextDocument(builder);
    Node root = builder.take();
    TreeBuilder rest(limits);
    if (parser.HandleNextDocument(rest)) {
      return plain_error(at(name, rest.take().place) + "only one document is read");
    }
    return root;
  } catch (const Refused& refused) {
    return plain_error(at(name, refused.place) + refused.sentence);
  } catch (const YAML::Exception& error) {
    return plain_error(at(name, place_of(error.mark)) + error.msg);
  } catch (const std::exception& error) {
    return plain_error(name + ": " + error.what());
  }
}

}  // namespace shadowtap::config
