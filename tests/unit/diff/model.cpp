#include "tests/unit/diff/model.h"

#include <algorithm>
#include <cstdlib>

#include "diff/json_path.h"

namespace shadowtap::diff {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string respelled(const std::string& number, std::mt19937& random) {
  const bool integer = number.find_first_of(".e") == std::string::npos;
  switch (random() % 3) {
    case 0: return integer ? number + ".0" : number + "0";
    case 1: return number + "e0";
    default: return number;
  }
}

using Steps = std::vector<JsonSelector>;

Steps steps_of(const std::string& path) {
  PathCursor cursor{.text = path, .at = 0, .error = {}};
  JsonPath parsed;
  Steps steps;
  if (!parse_json_path(cursor, parsed)) return steps;
  for (const auto& segment : parsed.segments) steps.push_back(segment.selectors.front());
  return steps;
}

Value* step_into(Value& value, const JsonSelector& step) {
  if (step.what == JsonSelector::What::kIndex) {
    const auto index = static_cast<std::size_t>(step.index);
    return value.type == JsonType::kArray && index < value.elements.size()
               ? &value.elements[index]
               : nullptr;
  }
  const auto member = value.members.find(step.name);
  return member == value.members.end() ? nullptr : &member->second;
}

Value* resolve(Value& root, const Steps& steps, std::size_t count) {
  Value* value = &root;
  for (std::size_t i = 0; i < count && value; ++i) value = step_into(*value, steps[i]);
  return value;
}

struct Edit {
  Steps steps;
  bool insert;
  std::string text;
};

// Deeper parents first; at one parent removals from the back, then insertions from the
// front.
bool goes_before(const Edit& a, const Edit& b) {
  if (a.steps.size() != b.steps.size()) return a.steps.size() > b.steps.size();
  if (a.insert != b.insert) return b.insert;
  const auto index = [](const Edit& e) { return e.steps.back().index; };
  return a.insert ? index(a) < index(b) : index(a) > index(b);
}

bool apply(Value& root, const Edit& edit) {
  Value* parent = resolve(root, edit.steps, edit.steps.size() - 1);
  if (parent == nullptr) return false;
  const JsonSelector& last = edit.steps.back();
  if (last.what == JsonSelector::What::kName) {
    if (edit.insert) return parent->members.emplace(last.name, parse_value(edit.text)).second;
    return parent->members.erase(last.name) == 1;
  }
  const auto size = static_cast<std::int64_t>(parent->elements.size());
  if (last.index > size || (!edit.insert && last.index == size)) return false;
  const auto place = parent->elements.begin() + last.index;
  if (edit.insert) {
    parent->elements.insert(place, parse_value(edit.text));
  } else {
    parent->elements.erase(place);
  }
  return true;
}

Value scalar(std::mt19937& random) {
  Value value;
  switch (random() % 5) {
    case 0: value.type = JsonType::kNull; break;
    case 1: value.type = random() % 2 ? JsonType::kTrue : JsonType::kFalse; break;
    case 2:
      value.type = JsonType::kString;
      value.text = std::string(1, static_cast<char>('a' + random() % 4));
      break;
    default:
      value.type = JsonType::kNumber;
      value.text = std::to_string(random() % 5);
      if (random() % 4 == 0) value.text += ".5";
      break;
  }
  return value;
}

std::string random_key(std::mt19937& random) {
  static const char* const kKeys[] = {"a", "b", "id", "x y", "it's", "name", "7"};
  return kKeys[random() % std::size(kKeys)];
}

void edit_once(Value& value, std::mt19937& random, int depth) {
  const bool here = depth == 0 || random() % 3 == 0;
  if (value.type == JsonType::kArray && !value.elements.empty() && !here) {
    return edit_once(value.elements[random() % value.elements.size()], random, depth - 1);
  }
  if (value.type == JsonType::kObject && !value.members.empty() && !here) {
    auto member = value.members.begin();
    std::advance(member, static_cast<long>(random() % value.members.size()));
    return edit_once(member->second, random, depth - 1);
  }
  if (value.type == JsonType::kArray) {
    auto& e = value.elements;
    const auto at = [&] { return static_cast<std::ptrdiff_t>(random() % (e.size() + 1)); };
    const auto choice = random() % 3;
    if (choice == 0) e.insert(e.begin() + at(), random_value(random, 1));
    if (choice == 1 && !e.empty()) e.erase(e.begin() + at() % static_cast<long>(e.size()));
    if (choice == 2) std::shuffle(e.begin(), e.end(), random);
  } else if (value.type == JsonType::kObject) {
    if (random() % 2) {
      value.members.erase(random_key(random));
    } else {
      value.members[random_key(random)] = random_value(random, 1);
    }
  } else {
    value = random_value(random, 1);
  }
}

}  // namespace

bool Value::operator==(const Value& other) const {
  if (type != other.type) return false;
  if (type == JsonType::kNumber) {
    return std::strtod(text.c_str(), nullptr) == std::strtod(other.text.c_str(), nullptr);
  }
  return text == other.text && elements == other.elements && members == other.members;
}

Value from_document(const JsonDocument& document, NodeId id) {
  Value value;
  value.type = document[id].type;
  if (value.type == JsonType::kNumber) value.text = document.raw(id);
  if (value.type == JsonType::kString) value.text = document.string(id);
  if (!document.is_container(id)) return value;
  for (NodeId c = id + 1; c < document[id].end; c = document[c].end) {
    if (value.type == JsonType::kArray) {
      value.elements.push_back(from_document(document, c));
    } else {
      value.members[std::string(document.key(c))] = from_document(document, c);
    }
  }
  return value;
}

Value parse_value(const std::string& text) {
  JsonDocument document;
  if (document.parse(text, 1'000'000) != JsonParsed::kDocument) return {};
  return from_document(document, 0);
}

std::string to_text(const Value& value, std::mt19937* spelling) {
  switch (value.type) {
    case JsonType::kNull: return "null";
    case JsonType::kFalse: return "false";
    case JsonType::kTrue: return "true";
    case JsonType::kNumber: return spelling ? respelled(value.text, *spelling) : value.text;
    case JsonType::kString: return quoted(value.text);
    default: break;
  }
  std::vector<std::string> parts;
  for (const auto& e : value.elements) parts.push_back(to_text(e, spelling));
  for (const auto& [key, member] : value.members) {
    parts.push_back(quoted(key) + ":" + to_text(member, spelling));
  }
  const bool array = value.type == JsonType::kArray;
  if (!array && spelling) std::shuffle(parts.begin(), parts.end(), *spelling);
  std::string text = array ? "[" : "{";
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i > 0 ? "," : "") + parts[i];
  return text + (array ? "]" : "}");
}

Value random_value(std::mt19937& random, int depth) {
  if (depth == 0 || random() % 4 == 0) return scalar(random);
  Value value;
  value.type = random() % 2 ? JsonType::kArray : JsonType::kObject;
  const std::size_t size = random() % 6;
  for (std::size_t i = 0; i < size; ++i) {
    if (value.type == JsonType::kArray) {
      value.elements.push_back(random_value(random, depth - 1));
    } else {
      value.members[random_key(random)] = random_value(random, depth - 1);
    }
  }
  return value;
}

Value edited(Value value, std::mt19937& random, int edits) {
  for (int i = 0; i < edits; ++i) edit_once(value, random, 4);
  return value;
}

std::optional<Value> applied(Value left, const Differences& differences) {
  std::vector<Edit> edits;
  for (const auto& d : differences.all) {
    Steps steps = steps_of(d.path);
    if (d.kind == Kind::kMissing || d.kind == Kind::kExtra) {
      edits.push_back({std::move(steps), d.kind == Kind::kExtra, d.right});
      continue;
    }
    Value* place = resolve(left, steps, steps.size());
    if (place == nullptr) return std::nullopt;
    *place = parse_value(d.right);
  }
  std::stable_sort(edits.begin(), edits.end(), goes_before);
  for (const Edit& edit : edits) {
    if (!apply(left, edit)) return std::nullopt;
  }
  return left;
}

}  // namespace shadowtap::diff
