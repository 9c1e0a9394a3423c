#include "agent/results/markup_redaction.h"

#include <algorithm>
#include <utility>

#include "agent/base/ascii.h"
#include "agent/base/text.h"

namespace shadowtap::results {
namespace {

constexpr std::string_view kMarkupSpace = " \t\r\n\f";
// Between them a tag is no tag.
constexpr std::pair<std::string_view, std::string_view> kOpaque[] = {
    {"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};

bool begins_name(char c) { return is_letter(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80; }

class TagScanner {
 public:
  TagScanner(std::string_view text, const MarkupSecrets& secrets) : text_(text), secrets_(secrets) {}

  std::string run() {
    while (i_ < text_.size()) {
      copy_to(std::min(text_.find('<', i_), text_.size()));
      if (i_ + 1 < text_.size() && begins_name(text_[i_ + 1])) {
        start_tag();
      } else if (i_ < text_.size()) {
        copy_to(i_ + 1);
      }
    }
    return std::move(out_);
  }

 private:
  void start_tag() {
    const std::string_view name = name_at(i_ + 1);
    copy_to(i_ + 1 + name.size());
    bool closed = false;
    while (i_ < text_.size() && text_[i_] != '>') {
      closed = text_[i_] == '/';
      if (closed || kMarkupSpace.find(text_[i_]) != std::string_view::npos) {
        copy_to(i_ + 1);
      } else {
        attribute(name);
      }
    }
    copy_to(std::min(i_ + 1, text_.size()));
    if (!closed && secrets_.is_element(name)) redact_to(end_of_content(name));
  }

  void attribute(std::string_view element) {
    const std::size_t end = std::min(text_.find_first_of(" \t\r\n\f=>/", i_ + 1), text_.size());
    const std::string_view name = text_.substr(i_, end - i_);
    copy_to(end);
    const std::size_t equals = after_space(i_);
    if (equals == text_.size() || text_[equals] != '=') return;
    copy_to(after_space(equals + 1));
    if (i_ == text_.size()) return;
    const bool quoted = text_[i_] == '"' || text_[i_] == '\'';
    const std::string_view stops = quoted ? text_.substr(i_, 1) : std::string_view(" \t\r\n\f>");
    if (quoted) copy_to(i_ + 1);
    const std::size_t value_end = std::min(text_.find_first_of(stops, i_), text_.size());
    if (secrets_.is_attribute(element, name)) {
      redact_to(value_end);
    } else {
      copy_to(value_end);
    }
    if (quoted) copy_to(std::min(i_ + 1, text_.size()));
  }

  // Where the end tag begins that belongs to a start tag before `i_`.
  std::size_t end_of_content(std::string_view name) const {
    std::size_t depth = 1;
    for (std::size_t i = text_.find('<', i_); i < text_.size(); i = text_.find('<', i)) {
      if (const std::size_t opaque = end_of_opaque(i); opaque != i) {
        i = opaque;
        continue;
      }
      const bool end_tag = text_.substr(i).starts_with("</");
      const bool same = equal_ignoring_case(name_at(i + (end_tag ? 2 : 1)), name);
      if (same && end_tag && --depth == 0) return i;
      const std::size_t end = end_of_tag(i);
      if (same && !end_tag && !text_.substr(i, end - i).ends_with("/>")) ++depth;
      i = end;
    }
    return text_.size();
  }

  // Of a comment or the like that begins at `i`; else `i`.
  std::size_t end_of_opaque(std::size_t i) const {
    for (const auto& [begin, end] : kOpaque) {
      if (!text_.substr(i).starts_with(begin)) continue;
      const std::size_t at = text_.find(end, i + begin.size());
      return at == std::string_view::npos ? text_.size() : at + end.size();
    }
    return i;
  }

  // After its '>'; one in quotes does not count.
  std::size_t end_of_tag(std::size_t i) const {
    while (i < text_.size() && text_[i] != '>') {
      const bool quote = text_[i] == '"' || text_[i] == '\'';
      if (quote) i = text_.find(text_[i], i + 1);
      i = i == std::string_view::npos ? text_.size() : i + 1;
    }
    return std::min(i + 1, text_.size());
  }

  std::string_view name_at(std::size_t i) const {
    const std::string_view rest = text_.substr(std::min(i, text_.size()));
    return rest.substr(0, rest.find_first_of(" \t\r\n\f/><"));
  }
  std::size_t after_space(std::size_t i) const {
    return std::min(text_.find_first_not_of(kMarkupSpace, i), text_.size());
  }

  void copy_to(std::size_t end) {
    out_ += text_.substr(i_, end - i_);
    i_ = end;
  }
  void redact_to(std::size_t end) {
    if (end > i_) out_ += secrets_.mark(text_.substr(i_, end - i_));
    i_ = end;
  }

  std::string_view text_;
  const MarkupSecrets& secrets_;
  std::size_t i_ = 0;
  std::string out_;
};

}  // namespace

std::string redact_markup(std::string_view text, const MarkupSecrets& secrets) {
  return TagScanner(text, secrets).run();
}

}  // namespace shadowtap::results
