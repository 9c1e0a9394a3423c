#include "diff/markup_document.h"

#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>

#include "diff/text.h"

namespace shadowtap::diff {
namespace {

// libxml2's own limit for XML; its HTML parser has a similar one. Recursion is bounded.
constexpr int kMaxMarkupDepth = 256;

struct FreeDocument {
  void operator()(xmlDoc* doc) const { xmlFreeDoc(doc); }
};

std::string text_of(const xmlChar* text) {
  return text ? std::string(reinterpret_cast<const char*>(text)) : std::string();
}

std::string qualified(const xmlNs* ns, const xmlChar* name) {
  const std::string local = text_of(name);
  return ns && ns->prefix ? text_of(ns->prefix) + ":" + local : local;
}

std::vector<MarkupAttribute> attributes_of(const xmlNode* element) {
  std::vector<MarkupAttribute> attributes;
  for (const xmlAttr* a = element->properties; a != nullptr; a = a->next) {
    MarkupAttribute attribute{qualified(a->ns, a->name), a->ns ? text_of(a->ns->href) : "", ""};
    for (const xmlNode* v = a->children; v != nullptr; v = v->next) {
      attribute.value += v->type == XML_ENTITY_REF_NODE ? "&" + text_of(v->name) + ";"
                                                        : text_of(v->content);
    }
    attributes.push_back(std::move(attribute));
  }
  std::sort(attributes.begin(), attributes.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return attributes;
}

std::string collapsed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!space) {
      out += c;
    } else if (out.empty() || out.back() != ' ') {
      out += ' ';
    }
  }
  return std::string(trim(out));
}

void append_text(MarkupNode& parent, const std::string& text) {
  if (parent.children.empty() || !parent.children.back().is_text()) {
    parent.children.emplace_back();
  }
  parent.children.back().text += text;
}

// Space between elements is layout; text is content and keeps its space, but in HTML.
void settle_text(MarkupNode& element, bool html) {
  auto& children = element.children;
  const bool mixed = std::any_of(children.begin(), children.end(),
                                 [](const auto& c) { return !c.is_text(); });
  if (html) {
    for (auto& c : children) c.text = collapsed(c.text);
  }
  std::erase_if(children, [&](const MarkupNode& c) {
    return c.is_text() && (c.text.empty() || (mixed && trim(c.text).empty()));
  });
}

void number_children(MarkupNode& element) {
  std::map<std::string, int> many;
  for (auto& child : element.children) child.index = ++many[child.name];
  for (auto& child : element.children) child.alone = many[child.name] == 1;
}

bool fill(MarkupNode& to, const xmlNode* from, bool html, int depth) {
  if (depth > kMaxMarkupDepth) return false;
  to.name = qualified(from->ns, from->name);
  to.space = from->ns ? text_of(from->ns->href) : "";
  to.attributes = attributes_of(from);
  for (const xmlNode* c = from->children; c != nullptr; c = c->next) {
    if (c->type == XML_ELEMENT_NODE) {
      if (!fill(to.children.emplace_back(), c, html, depth + 1)) return false;
    } else if (c->type == XML_TEXT_NODE || c->type == XML_CDATA_SECTION_NODE) {
      append_text(to, text_of(c->content));
    } else if (c->type == XML_ENTITY_REF_NODE) {
      append_text(to, "&" + text_of(c->name) + ";");
    }
  }
  settle_text(to, html);
  number_children(to);
  return true;
}

}  // namespace

std::optional<MarkupNode> parse_markup(std::string_view text, bool html) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return {};
  // libxml2's own first-use initialisation is not safe among threads.
  static const bool initialised = (xmlInitParser(), true);
  static_cast<void>(initialised);
  const int size = static_cast<int>(text.size());
  const std::unique_ptr<xmlDoc, FreeDocument> doc(
      html ? htmlReadMemory(text.data(), size, nullptr, "UTF-8",
                            HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                                HTML_PARSE_NONET)
           : xmlReadMemory(text.data(), size, nullptr, nullptr,
                           XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NONET));
  const xmlNode* root = doc ? xmlDocGetRootElement(doc.get()) : nullptr;
  if (root == nullptr) return std::nullopt;
  MarkupNode top;
  if (!fill(top, root, html, 0)) return std::nullopt;
  return top;
}

}  // namespace shadowtap::diff
