#include "agent/results/routes.h"

#include <re2/re2.h>

#include <algorithm>
#include <cctype>

#include "agent/results/route_template.h"

namespace shadowtap::results {
namespace {

constexpr std::size_t kMaxDepth = 24;
constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kWorthGivingUp = 16;  // words of a place that is given up to make room
constexpr std::string_view kValue = "{id}";

bool is_template(std::string_view word) { return word.starts_with('{'); }

// Diffy's: `:name` is one segment, a run of `*` is anything, the rest is a regular expression.
std::string to_regex(std::string_view pattern) {
  std::string regex;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '*') {
      while (i + 1 < pattern.size() && pattern[i + 1] == '*') ++i;
      regex += ".*";
    } else if (c == ':' && i > 0 && pattern[i - 1] == '/') {
      while (i + 1 < pattern.size() && (std::isalnum(static_cast<unsigned char>(pattern[i + 1])) ||
                                        pattern[i + 1] == '_')) {
        ++i;
      }
      regex += "[^/]+";
    } else {
      regex += c;
    }
  }
  return regex;
}

}  // namespace

struct RouteTable::Node {
  std::string name;
  std::map<std::string, std::unique_ptr<Node>, std::less<>> below;
  std::size_t words = 0;  // of `below`, those that are no template
  bool given_up = false;  // every new word is a value
  std::vector<std::pair<std::string, RouteIndex>> routes;  // by method

  Node* find(std::string_view word) const {
    const auto it = below.find(word);
    return it == below.end() ? nullptr : it->second.get();
  }
  Node& get(std::string_view word) {
    if (Node* known = find(word)) return *known;
    if (!is_template(word)) ++words;
    auto made = std::make_unique<Node>();
    made->name = name + "/" + std::string(word);
    return *below.emplace(word, std::move(made)).first->second;
  }
  const RouteIndex* route(std::string_view method) const {
    for (const auto& [known, index] : routes) {
      if (known == method) return &index;
    }
    return nullptr;
  }
};

struct RouteTable::Patterns {
  struct One {
    std::unique_ptr<re2::RE2> regex;
    std::string name;
  };
  std::vector<One> all;
};

RouteTable::RouteTable()
    : patterns_(std::make_unique<Patterns>()), root_(std::make_unique<Node>()) {}
RouteTable::RouteTable(RouteTable&&) noexcept = default;
RouteTable& RouteTable::operator=(RouteTable&&) noexcept = default;
RouteTable::~RouteTable() = default;

Result<RouteTable> RouteTable::make(const RouteOptions& options) {
  RouteTable table;
  table.options_ = options;
  for (const std::string& pair : options.patterns) {
    const std::size_t semicolon = pair.rfind(';');
    if (semicolon == std::string::npos || semicolon == 0 || semicolon + 1 == pair.size()) {
      return plain_error("route '" + pair + "': expected 'pattern;name'");
    }
    Patterns::One one;
    one.regex = std::make_unique<re2::RE2>(to_regex(std::string_view(pair).substr(0, semicolon)),
                                           re2::RE2::Quiet);
    if (!one.regex->ok()) return plain_error("route '" + pair + "': " + one.regex->error());
    one.name = pair.substr(semicolon + 1);
    table.patterns_->all.push_back(std::move(one));
  }
  return table;
}

RouteIndex RouteTable::resolve(std::string_view method, std::string_view target,
                               std::string_view canonical) {
  if (!canonical.empty()) return named(method, canonical.substr(0, kMaxNameBytes));
  const std::string_view path = path_of_target(target);
  for (const Patterns::One& one : patterns_->all) {
    if (re2::RE2::FullMatch(re2::StringPiece(path.data(), path.size()), *one.regex)) {
      return named(method, one.name);
    }
  }
  if (!path.starts_with('/')) return named(method, path.substr(0, kMaxNameBytes));
  return learned(method, path);
}

RouteIndex RouteTable::restore(std::string_view method, std::string_view name) {
  if (!name.starts_with('/')) return named(method, name);
  Node* node = root_.get();
  for (const std::string_view word : split_path(name, kMaxDepth)) node = &node->get(word);
  if (const RouteIndex* known = node->route(method)) return *known;
  const RouteIndex index = add(method, name);
  node->routes.emplace_back(method, index);
  return index;
}

std::vector<std::string> RouteTable::given_up() const {
  std::vector<std::string> names;
  std::vector<const Node*> open{root_.get()};
  while (!open.empty()) {
    const Node* node = open.back();
    open.pop_back();
    if (node->given_up) names.push_back(node->name);
    for (const auto& [word, child] : node->below) open.push_back(child.get());
  }
  return names;
}

void RouteTable::restore_given_up(std::string_view name) {
  Node* node = root_.get();
  if (!name.empty()) {
    for (const std::string_view word : split_path(name, kMaxDepth)) node = &node->get(word);
  }
  node->given_up = true;
}

// A name that reads like a path is that path's place: two routes never share a name.
RouteIndex RouteTable::named(std::string_view method, std::string_view name) {
  if (name.starts_with('/')) {
    const Node* node = root_.get();
    for (const std::string_view word : split_path(name, kMaxDepth)) {
      if (node != nullptr) node = node->find(word);
    }
    const bool known = node != nullptr && node->route(method) != nullptr;
    if (!known && alive_ >= options_.max_routes && !make_room()) return other();
    return restore(method, name);
  }
  const auto it = by_name_.find(std::pair(std::string(method), std::string(name)));
  if (it != by_name_.end()) return it->second;
  if (alive_ >= options_.max_routes && !make_room()) return other();
  const RouteIndex index = add(method, name);
  by_name_.emplace(std::pair(method, name), index);
  return index;
}

RouteIndex RouteTable::other() {
  const auto it = by_name_.find(std::pair(std::string("*"), std::string("other")));
  if (it != by_name_.end()) return it->second;
  const RouteIndex index = add("*", "other");
  by_name_.emplace(std::pair("*", "other"), index);
  return index;
}

RouteIndex RouteTable::add(std::string_view method, std::string_view name) {
  ++alive_;
  routes_.push_back({std::string(method), std::string(name)});
  return static_cast<RouteIndex>(routes_.size() - 1);
}

RouteIndex RouteTable::learned(std::string_view method, std::string_view path) {
  const auto segments = split_path(path, kMaxDepth);
  std::vector<std::string> words;
  words.reserve(segments.size());
  Node* node = root_.get();
  for (const std::string_view segment : segments) {
    std::string word = value_template(segment);
    if (word.empty()) word = segment.substr(0, kMaxNameBytes);
    if (node != nullptr) {
      Node* next = node->find(word);
      if (next == nullptr && node->given_up && !is_template(word)) next = node->find(word = kValue);
      node = next;
    }
    words.push_back(std::move(word));
  }
  if (node != nullptr) {
    if (const RouteIndex* known = node->route(method)) return *known;
  }
  if (alive_ >= options_.max_routes && !make_room()) return other();
  Node& place = place_of(words);
  if (const RouteIndex* known = place.route(method)) return *known;
  const RouteIndex index = add(method, place.name);
  place.routes.emplace_back(method, index);
  return index;
}

// Makes the nodes down to it; gives up places that have too many words.
RouteTable::Node& RouteTable::place_of(const std::vector<std::string>& words) {
  Node* node = root_.get();
  for (const std::string& word : words) {
    if (is_template(word) || node->find(word) != nullptr) {
      node = &node->get(word);
      continue;
    }
    if (!node->given_up && node->words >= options_.max_words) give_up(*node);
    node = &node->get(node->given_up ? kValue : std::string_view(word));
  }
  return *node;
}

// Every word below was a value: one template for all of them, their routes merged.
void RouteTable::give_up(Node& node) {
  node.given_up = true;
  std::vector<std::unique_ptr<Node>> words;
  for (auto it = node.below.begin(); it != node.below.end();) {
    if (is_template(it->first)) {
      ++it;
      continue;
    }
    words.push_back(std::move(it->second));
    it = node.below.erase(it);
  }
  node.words = 0;
  Node& value = node.get(kValue);
  for (const auto& word : words) absorb(value, *word);
}

void RouteTable::absorb(Node& into, Node& from) {
  for (const auto& [method, index] : from.routes) {
    RouteIndex target = 0;
    if (const RouteIndex* known = into.route(method)) {
      target = *known;
    } else {
      target = add(method, into.name);
      into.routes.emplace_back(method, target);
    }
    merges_.push_back({index, target});
    routes_[index].gone = true;
    --alive_;
  }
  for (const auto& [word, child] : from.below) {
    const bool value = into.given_up && !is_template(word);
    absorb(into.get(value ? kValue : std::string_view(word)), *child);
  }
  if (from.given_up && !into.given_up) give_up(into);
  if (into.words > options_.max_words) give_up(into);
}

// Gives up the place with the most words; false if none has enough of them.
bool RouteTable::make_room() {
  if (no_room_) return false;  // full: no word was added since
  Node* fullest = nullptr;
  std::vector<Node*> open{root_.get()};
  while (!open.empty()) {
    Node* node = open.back();
    open.pop_back();
    if (node->words >= kWorthGivingUp && (fullest == nullptr || node->words > fullest->words)) {
      fullest = node;
    }
    for (const auto& [word, child] : node->below) open.push_back(child.get());
  }
  if (fullest == nullptr) {
    no_room_ = true;
    return false;
  }
  give_up(*fullest);
  return alive_ < options_.max_routes;
}

}  // namespace shadowtap::results
