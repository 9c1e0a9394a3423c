#include "agent/config/printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/base/text.h"

namespace shadowtap::config {
namespace {

constexpr std::string_view kHidden = "***";

// With JSON's escapes, which YAML's double quotes understand too.
std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

// Words that no YAML reader takes for anything but a string.
bool is_plain(std::string_view text) {
  static constexpr std::array<std::string_view, 8> kMeans{"true", "false", "yes", "no",
                                                          "on",   "off",   "null", "y"};
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (text.empty() || !(letter(text.front()) || text.front() == '/')) return false;
  if (text.size() < 6 && std::any_of(kMeans.begin(), kMeans.end(), [text](std::string_view word) {
        return std::equal(word.begin(), word.end(), text.begin(), text.end(),
                          [](char a, char b) { return a == (b | 0x20); });
      })) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '/' || c == '.' || c == '-';
  });
}

// "5s", "64KiB": digits and a unit.
bool is_measure(std::string_view text) {
  const std::size_t unit = text.find_first_not_of("0123456789");
  return unit != 0 && unit != std::string_view::npos &&
         (parse_duration(text) || parse_size(text));
}

std::string scalar_text(const Node& node) {
  const bool plain = !node.is_text || is_plain(node.scalar) || is_measure(node.scalar);
  return plain ? node.scalar : double_quoted(node.scalar);
}

void print_block(const Node& node, const std::string& indent, std::string& out);

// After "key:" or "-".
void print_value(const Node& node, const std::string& indent, std::string& out) {
  switch (node.kind) {
    case Node::Kind::kNull: out += " ~\n"; return;
    case Node::Kind::kScalar: out += " " + scalar_text(node) + "\n"; return;
    case Node::Kind::kList:
      if (node.items.empty()) {
        out += " []\n";
        return;
      }
      break;
    case Node::Kind::kMap:
      if (node.entries.empty()) {
        out += " {}\n";
        return;
      }
      break;
  }
  out += "\n";
  print_block(node, indent + "  ", out);
}

void print_block(const Node& node, const std::string& indent, std::string& out) {
  for (const Entry& entry : node.entries) {
    out += indent + (is_plain(entry.key) ? entry.key : double_quoted(entry.key)) + ":";
    print_value(entry.value, indent, out);
  }
  for (const Node& item : node.items) {
    out += indent + "-";
    if (item.kind != Node::Kind::kMap || item.entries.empty()) {
      print_value(item, indent, out);
      continue;
    }
    // The first key of a map stands on the dash's line.
    std::string block;
    print_block(item, indent + "  ", block);
    out += " " + block.substr(indent.size() + 2);
  }
}

}  // namespace

void Printer::scalar(std::string_view key, const Scalar& scalar) {
  const std::optional<std::string> text = scalar.print();
  if (!text) return;
  const bool hide = scalar.hide && secrets_ == Secrets::kHidden;
  map_.add(key) = scalar_node(hide ? scalar.hide(*text) : *text, scalar.is_text);
}

void Printer::group(std::string_view key, bool present,
                    const std::function<void(Fields&)>& describe) {
  if (!present) return;
  Printer inner(secrets_);
  describe(inner);
  map_.add(key) = inner.take();
}

void Printer::list(std::string_view key, const List& list) {
  Node& node = map_.add(key);
  node.kind = Node::Kind::kList;
  const std::size_t size = list.size();
  for (std::size_t i = 0; i < size; ++i) {
    Printer inner(secrets_);
    list.describe(i, inner);
    Node item = inner.take();
    if (!list.only_words) {
      node.items.push_back(std::move(item));
    } else if (const Node* word = item.find(list.word)) {
      node.items.push_back(*word);
    } else {
      node.items.push_back(scalar_node("", true));
    }
  }
}

void Printer::words(std::string_view key, const Words& words) {
  Node& node = map_.add(key);
  node.kind = Node::Kind::kMap;
  for (const auto& [name, value] : words.all()) {
    const bool hide = secrets_ == Secrets::kHidden && words.secret && words.secret(name);
    node.add(name) = scalar_node(hide ? std::string(kHidden) : value, true);
  }
}

std::string print_yaml(const Node& node) {
  std::string out;
  if (node.kind == Node::Kind::kScalar) return scalar_text(node) + "\n";
  print_block(node, "", out);
  return out.empty() ? "{}\n" : out;
}

std::string print_json(const Node& node) {
  std::string out;
  switch (node.kind) {
    case Node::Kind::kNull: return "null";
    case Node::Kind::kScalar: return node.is_text ? double_quoted(node.scalar) : node.scalar;
    case Node::Kind::kList:
      for (const Node& item : node.items) out += (out.empty() ? "" : ",") + print_json(item);
      return "[" + out + "]";
    case Node::Kind::kMap:
      for (const Entry& entry : node.entries) {
        out += (out.empty() ? "" : ",") + double_quoted(entry.key) + ":" + print_json(entry.value);
      }
      return "{" + out + "}";
  }
  return out;
}

}  // namespace shadowtap::config
