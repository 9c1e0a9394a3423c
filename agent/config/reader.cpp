#include "agent/config/reader.h"

#include "agent/config/values.h"

namespace shadowtap::config {

void Complaints::add(Place place, const std::string& sentence) {
  if (all.size() == kMost) all.push_back(file + ": …");
  if (all.size() > kMost) return;
  std::string line = file;
  if (place.line != 0) {
    line += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  }
  all.push_back(line + ": " + sentence);
}

std::string Complaints::joined() const {
  std::string text;
  for (const std::string& line : all) text += (text.empty() ? "" : "\n") + line;
  return text;
}

// The value of `key` if it is there and of that kind. Nothing under a list or group is the
// same as no list or group: everything in it may be commented out.
const Node* Reader::take(std::string_view key, Node::Kind kind, std::string_view shape) {
  known_.emplace(key);
  const Node* node = map_.find(key);
  if (!node) return nullptr;
  if (node->kind == kind) return node;
  if (node->kind != Node::Kind::kNull) {
    complaints_.add(node->place, std::string(key) + ": must be " + std::string(shape));
  } else if (kind == Node::Kind::kScalar) {
    complaints_.add(node->place, std::string(key) + ": needs a value");
  }
  return nullptr;
}

void Reader::scalar(std::string_view key, const Scalar& scalar) {
  const Node* node = take(key, Node::Kind::kScalar, "a single value");
  if (!node) return;
  const std::string wrong = scalar.read(node->scalar);
  if (wrong.empty()) return;
  complaints_.add(node->place, std::string(item_of_.empty() ? key : item_of_) + ": " + wrong);
}

void Reader::group(std::string_view key, bool, const std::function<void(Fields&)>& describe) {
  const Node* node = take(key, Node::Kind::kMap, "a map (key: value)");
  if (!node) return;
  Reader inner(*node, complaints_);
  describe(inner);
  inner.refuse_unknown();
}

void Reader::list(std::string_view key, const List& list) {
  const Node* node = take(key, Node::Kind::kList, "a list ([…])");
  if (!node) return;
  list.clear();
  for (std::size_t i = 0; i < node->items.size(); ++i) read_item(node->items[i], i, list, key);
}

void Reader::read_item(const Node& item, std::size_t index, const List& list,
                       std::string_view key) {
  if (item.kind == Node::Kind::kScalar && !list.word.empty()) {
    Node map = empty_map(item.place);
    map.add(list.word) = item;
    Reader inner(map, complaints_, key);
    return list.describe(index, inner);
  }
  if (item.kind == Node::Kind::kMap && !list.only_words) {
    Reader inner(item, complaints_);
    list.describe(index, inner);
    return inner.refuse_unknown();
  }
  complaints_.add(item.place, std::string(key) + ": each item must be " +
                                  (list.only_words    ? "a single value"
                                   : list.word.empty() ? "a map (key: value)"
                                                       : "a single value or a map"));
  const Node nothing = empty_map(item.place);
  Complaints unsaid;
  Reader inner(nothing, unsaid);
  list.describe(index, inner);  // keeps the indexes in step
}

void Reader::words(std::string_view key, const Words& words) {
  const Node* node = take(key, Node::Kind::kMap, "a map (name: value)");
  if (!node) return;
  words.clear();
  for (const Entry& entry : node->entries) {
    const bool scalar = entry.value.kind == Node::Kind::kScalar;
    const std::string wrong =
        scalar ? words.add(entry.key, entry.value.scalar) : "needs a single value";
    if (!wrong.empty()) complaints_.add(entry.place, std::string(key) + ": " + wrong);
  }
}

bool Reader::is_word(std::string_view key, bool) const {
  const Node* node = map_.find(key);
  return node && node->kind == Node::Kind::kScalar;
}

void Reader::require(std::string_view key) {
  const Node* node = map_.find(key);
  if (!node) return complaints_.add(map_.place, "'" + std::string(key) + "' is missing here");
  if (node->kind != Node::Kind::kScalar || !node->scalar.empty()) return;
  complaints_.add(node->place, std::string(key) + ": must not be empty");
}

void Reader::complain(std::string_view key, const std::string& sentence) {
  const Node* node = map_.find(key);
  complaints_.add(node ? node->place : map_.place, sentence);
}

void Reader::refuse_unknown() {
  const std::vector<std::string_view> known(known_.begin(), known_.end());
  for (const Entry& entry : map_.entries) {
    if (known_.contains(entry.key)) continue;
    complaints_.add(entry.place, unknown("key", entry.key, known));
  }
}

void Reader::read(const Node& root, Complaints& complaints,
                  const std::function<void(Fields&)>& describe) {
  const Node nothing = empty_map(root.place);
  if (root.kind != Node::Kind::kNull && root.kind != Node::Kind::kMap) {
    return complaints.add(root.place, "must be a map (key: value)");
  }
  Reader reader(root.kind == Node::Kind::kMap ? root : nothing, complaints);
  describe(reader);
  reader.refuse_unknown();
}

}  // namespace shadowtap::config
