// A JSON value for tests, with its own idea of equality, a generator and a way to apply
// differences: the laws are held against this, not against the code they are about.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "diff/difference.h"
#include "diff/json_document.h"

namespace shadowtap::diff {

struct Value {
  JsonType type = JsonType::kNull;
  std::string text;  // of a number: as written; of a string: its content
  std::vector<Value> elements;
  std::map<std::string, Value> members;

  bool operator==(const Value& other) const;
};

Value from_document(const JsonDocument& document, NodeId id);
Value parse_value(const std::string& text);
// `spelling` shuffles members and writes numbers in other ways; null: as they are.
std::string to_text(const Value& value, std::mt19937* spelling = nullptr);

Value random_value(std::mt19937& random, int depth);
// The value with some edits: changed scalars, inserted, removed, moved elements, members.
Value edited(Value value, std::mt19937& random, int edits);

// What `left` becomes when every difference is applied to it. Nothing where a difference
// points nowhere.
std::optional<Value> applied(Value left, const Differences& differences);

}  // namespace shadowtap::diff
