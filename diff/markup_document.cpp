#include "diff/markup_document.h"

#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <memory>

#include "diff/text.h"

namespace shadowtap::diff {
namespace {

// libxml2's own limit for XML; its HTML parser has a similar one. Recursion is bounded.
constexpr int kMaxMarkupDepth = 256;
// libxml2 compares a tag's attributes each with each.
constexpr int kMaxAttributes = 4096;

struct FreeDocument {
  void operator()(xmlDoc* doc) const { xmlFreeDoc(doc); }
};
using Document = std::unique_ptr<xmlDoc, FreeDocument>;

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

// In XML a value holds no '<', so a tag has no more attributes than there are "=" and quote
// between one '<' and the next, wherever those stand. Zero bytes: of UTF-16.
bool has_crowded_tag(std::string_view text) {
  constexpr std::string_view kBlanks(" \t\r\n\0", 5);
  int attributes = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '<') attributes = 0;
    if (text[i] != '=') continue;
    const auto next = text.find_first_not_of(kBlanks, i + 1);
    if (next == text.npos) return false;
    if (text[next] == '"' || text[next] == '\'') ++attributes;
    if (attributes > kMaxAttributes) return true;
    i = next - 1;
  }
  return false;
}

// HTML, bit by bit: what a tag's attributes are in lenient HTML only the parser knows, and its
// table of them (two entries each, doubled when full) is looked at before each bit.
struct HtmlSource {
  std::string_view rest;
  const htmlParserCtxt* parser;
  bool crowded = false;
};

int read_html(void* source, char* to, int size) {
  auto& html = *static_cast<HtmlSource*>(source);
  html.crowded = html.crowded || html.parser->maxatts > 4 * kMaxAttributes;
  if (html.crowded) return 0;
  const std::size_t n = std::min(html.rest.size(), static_cast<std::size_t>(size));
  std::memcpy(to, html.rest.data(), n);
  html.rest.remove_prefix(n);
  return static_cast<int>(n);
}

constexpr int kHtmlOptions =
    HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET;

Document parse_html(std::string_view text) {
  // Behind a byte that is no UTF-8, libxml2 reads further bits as Latin-1, wherever they begin.
  if (!is_utf8(text)) {
    return Document(htmlReadMemory(text.data(), static_cast<int>(text.size()), nullptr, "UTF-8",
                                   kHtmlOptions));
  }
  const std::unique_ptr<htmlParserCtxt, void (*)(htmlParserCtxt*)> parser(htmlNewParserCtxt(),
                                                                          htmlFreeParserCtxt);
  if (!parser) return nullptr;
  HtmlSource source{text, parser.get()};
  Document doc(htmlCtxtReadIO(parser.get(), read_html, nullptr, &source, nullptr, "UTF-8",
                              kHtmlOptions));
  return source.crowded ? nullptr : std::move(doc);
}

Document parse_xml(std::string_view text, bool is_utf8) {
  if (has_crowded_tag(text)) return nullptr;
  return Document(xmlReadMemory(text.data(), static_cast<int>(text.size()), nullptr,
                                is_utf8 ? "UTF-8" : nullptr,
                                XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NONET |
                                    (is_utf8 ? XML_PARSE_IGNORE_ENC : 0)));
}

}  // namespace

std::optional<MarkupNode> parse_markup(std::string_view text, bool html, bool is_utf8) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return {};
  // libxml2's own first-use initialisation is not safe among threads.
  static const bool initialised = (xmlInitParser(), true);
  static_cast<void>(initialised);
  const Document doc = html ? parse_html(text) : parse_xml(text, is_utf8);
  const xmlNode* root = doc ? xmlDocGetRootElement(doc.get()) : nullptr;
  if (root == nullptr) return std::nullopt;
  MarkupNode top;
  if (!fill(top, root, html, 0)) return std::nullopt;
  return top;
}

}  // namespace shadowtap::diff
