#include "agent/results/markup_redaction.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "agent/base/ascii.h"
#include "agent/base/text.h"
#include "agent/results/body_kind.h"
#include "agent/results/json_redaction.h"
#include "agent/results/secret_paths.h"

namespace shadowtap::results {
namespace {

constexpr int kDeepestString = 4;
constexpr std::string_view kMarkupSpace = " \t\r\n\f";
// Between them a tag is no tag.
constexpr std::pair<std::string_view, std::string_view> kOpaque[] = {
    {"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};

// Around a string of JSON, of one on each line, or of a script.
constexpr std::string_view kBeforeString = "{[(,:\r\n";
constexpr std::string_view kBehindString = "}]),:;\r\n";

bool begins_name(char c) { return is_letter(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80; }

class TagScanner {
 public:
  TagScanner(std::string_view text, bool is_document, const MarkupSecrets& secrets, int depth)
      : text_(text), is_document_(is_document), secrets_(secrets), depth_(depth) {}

  std::string run() {
    while (i_ < text_.size()) {
      copy_to(std::min(text_.find_first_of(is_document_ ? "<" : "<\"", i_), text_.size()));
      if (i_ < text_.size() && text_[i_] == '"') {
        quoted();
      } else if (i_ + 1 < text_.size() && begins_name(text_[i_ + 1])) {
        start_tag();
      } else if (i_ < text_.size()) {
        copy_to(i_ + 1);
      }
    }
    return std::move(out_);
  }

 private:
  void quoted() {
    const std::size_t end = end_of_json_string(text_, i_);
    if (!is_json_string(end)) return copy_to(i_ + 1);
    const std::string inner = unescape_json(inside_quotes(text_.substr(i_, end - i_)));
    if (inner.find_first_of("<\\") == std::string::npos) return copy_to(end);
    const std::string redacted = depth_ < kDeepestString
                                     ? redact_markup(inner, is_markup({}, inner), secrets_, depth_ + 1)
                                     : secrets_.mark(inner);
    if (redacted == inner) return copy_to(end);
    out_ += '"' + escape_json(redacted) + '"';
    i_ = end;
  }

  // Whether the text from the quote at `i_` to `end` stands where JSON has a string.
  bool is_json_string(std::size_t end) const {
    const std::size_t before = i_ == 0 ? std::string_view::npos : text_.find_last_not_of(" \t", i_ - 1);
    const std::size_t behind = text_.find_first_not_of(" \t", end);
    return (before == std::string_view::npos || kBeforeString.find(text_[before]) != std::string_view::npos) &&
           (behind == std::string_view::npos || kBehindString.find(text_[behind]) != std::string_view::npos);
  }

  void start_tag() {
    const std::string_view written = name_at(i_ + 1);
    const std::string_view name = local_name(written);
    const bool secret = secrets_.is_element(name);
    copy_to(i_ + 1 + written.size());
    bool closed = false;
    while (i_ < text_.size() && text_[i_] != '>') {
      closed = text_[i_] == '/';
      if (closed || kMarkupSpace.find(text_[i_]) != std::string_view::npos) {
        copy_to(i_ + 1);
      } else {
        attribute(name, secret);
      }
    }
    copy_to(std::min(i_ + 1, text_.size()));
    if (!closed && secret) redact_to(end_of_content(name));
  }

  void attribute(std::string_view element, bool in_secret) {
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
    if (in_secret || secrets_.is_attribute(element, local_name(name))) {
      redact_to(value_end);
    } else {
      copy_to(value_end);
    }
    if (quoted) copy_to(std::min(i_ + 1, text_.size()));
  }

  // Where the end tag begins that belongs to a start tag before `i_`. Where elements do not
  // balance, the last one: what is looked for twice would make the time grow with the square.
  std::size_t end_of_content(std::string_view name) {
    if (unended_.contains(to_lower(name))) return end_of_phrase();
    std::size_t depth = 1;
    std::size_t last = std::string_view::npos;
    for (std::size_t i = text_.find('<', i_); i < text_.size(); i = text_.find('<', i)) {
      if (const std::size_t opaque = end_of_opaque(i); opaque != i) {
        i = opaque;
        continue;
      }
      const bool end_tag = text_.substr(i).starts_with("</");
      const bool same = equal_ignoring_case(local_name(name_at(i + (end_tag ? 2 : 1))), name);
      if (same && end_tag && --depth == 0) return i;
      if (same && end_tag) last = i;
      const std::size_t end = end_of_tag(i);
      if (same && !end_tag && !text_.substr(i, end - i).ends_with("/>")) ++depth;
      i = end;
    }
    if (is_document_) return text_.size();
    if (last != std::string_view::npos) return last;
    unended_.insert(to_lower(name));
    return end_of_phrase();
  }

  std::size_t end_of_phrase() const { return std::min(text_.find_first_of("\"\r\n", i_), text_.size()); }

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
  bool is_document_;
  const MarkupSecrets& secrets_;
  int depth_;
  std::set<std::string> unended_;  // of these names no end tag follows
  std::size_t i_ = 0;
  std::string out_;
};

}  // namespace

std::string redact_markup(std::string_view text, bool is_document, const MarkupSecrets& secrets,
                          int depth) {
  return TagScanner(text, is_document, secrets, depth).run();
}

}  // namespace shadowtap::results
