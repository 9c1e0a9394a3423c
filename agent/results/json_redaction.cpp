#include "agent/results/json_redaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "agent/base/ascii.h"

namespace shadowtap::results {
namespace {

constexpr int kMaxEmbedded = 4;

std::size_t end_of_container(std::string_view text, std::size_t i) {
  std::size_t depth = 0;
  while (i < text.size()) {
    const char c = text[i];
    if (c == '"') {
      i = end_of_json_string(text, i);
      continue;
    }
    ++i;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) break;
  }
  return i;
}

std::size_t end_of_value(std::string_view text, std::size_t i) {
  if (text[i] == '"') return end_of_json_string(text, i);
  if (text[i] == '{' || text[i] == '[') return end_of_container(text, i);
  const std::size_t end = text.find_first_of(",]}: \t\r\n\"{[", i);
  return end == std::string_view::npos ? text.size() : end;
}

void append_unicode(std::string& out, std::string_view hex) {
  std::uint32_t code = 0;
  for (const char c : hex) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : 0;
    code = code * 16 + static_cast<std::uint32_t>(digit);
  }
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else {  // a key or a structure is ASCII; the rest only has to survive
    out += "\\u";
    out += hex;
  }
}

// Of a character that unescape_json leaves as it is; a backslash before a "users" is none.
bool is_unicode_escape(std::string_view text) {
  return text.size() == 6 && text.starts_with("\\u") && std::all_of(text.begin() + 2, text.end(), is_hex);
}

class Scanner {
 public:
  Scanner(std::string_view text, const JsonSecrets& secrets, int depth)
      : text_(text), secrets_(secrets), depth_(depth) {}

  std::string run() {
    while (i_ < text_.size()) step();
    return std::move(out_);
  }

 private:
  struct Frame {
    bool object;
    bool key_next;
    std::string key;
  };

  void step() {
    const char c = text_[i_];
    if (c == '"') return quoted();
    if (c == '{' || c == '[' || is_scalar(c)) return value();
    if (c == '}' || c == ']') {
      if (!frames_.empty()) frames_.pop_back();
    } else if (!frames_.empty() && c == ',') {
      frames_.back() = {frames_.back().object, frames_.back().object, {}};
    }
    out_ += c;
    ++i_;
  }

  static bool is_scalar(char c) {
    return (c >= '0' && c <= '9') || c == '-' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  bool in_object() const { return !frames_.empty() && frames_.back().object; }

  // What stands before a colon is a key also where none is due: in a part of a document.
  void quoted() {
    const std::size_t end = end_of_json_string(text_, i_);
    const std::size_t next = text_.find_first_not_of(" \t\r\n", end);
    const bool before_colon = next != std::string_view::npos && text_[next] == ':';
    if (!before_colon && !(in_object() && frames_.back().key_next)) return value();
    if (!in_object()) frames_.push_back({true, true, {}});
    frames_.back().key = unescape_json(inside_quotes(text_.substr(i_, end - i_)));
    frames_.back().key_next = false;
    copy_to(end);
  }

  void value() {
    if ((in_object() && secrets_.is_secret_name(frames_.back().key)) || is_secret_place()) {
      const std::size_t end = std::max(end_of_value(text_, i_), i_ + 1);
      out_ += '"' + secrets_.mark(text_.substr(i_, end - i_)) + '"';
      i_ = end;
      return;
    }
    const char c = text_[i_];
    if (c == '{' || c == '[') {
      frames_.push_back({c == '{', c == '{', {}});
      copy_to(i_ + 1);
    } else if (c == '"') {
      string();
    } else {
      copy_to(std::max(end_of_value(text_, i_), i_ + 1));
    }
  }

  // A document in a string, or a part of one, has names in quotes.
  void string() {
    const std::size_t end = end_of_json_string(text_, i_);
    const std::string_view raw = inside_quotes(text_.substr(i_, end - i_));
    if (raw.find('\\') == std::string_view::npos) return copy_to(end);
    const std::string inner = unescape_json(raw);
    if (inner.find('"') == std::string::npos) return copy_to(end);
    const std::string redacted =
        depth_ < kMaxEmbedded ? redact_json(inner, inside(), depth_ + 1) : secrets_.mark(inner);
    if (redacted == inner) return copy_to(end);
    out_ += '"' + escape_json(redacted) + '"';
    i_ = end;
  }

  // A document in this place may be meant by a path of its own, or by one behind a bar.
  JsonSecrets inside() const {
    JsonSecrets inner = secrets_;
    inner.roots = {"$"};
    if (const auto steps = steps_here()) {
      for (const std::string& root : secrets_.roots) inner.roots.push_back(root + *steps + "|$");
    }
    return inner;
  }

  void copy_to(std::size_t end) {
    out_ += text_.substr(i_, end - i_);
    i_ = end;
  }

  // From the root to here; nothing where that is longer than any path that is asked for.
  std::optional<std::string> steps_here() const {
    std::string steps;
    for (const Frame& frame : frames_) {
      if (steps.size() + frame.key.size() >= secrets_.longest_path) return std::nullopt;
      steps += frame.object ? "." + frame.key : "[*]";
    }
    return steps;
  }

  bool is_secret_place() const {
    if (secrets_.longest_path == 0) return false;
    const auto steps = steps_here();
    return steps && std::any_of(secrets_.roots.begin(), secrets_.roots.end(), [&](const std::string& root) {
      return secrets_.is_secret_path(root + *steps);
    });
  }

  std::string_view text_;
  const JsonSecrets& secrets_;
  int depth_;
  std::size_t i_ = 0;
  std::string out_;
  std::vector<Frame> frames_;
};

}  // namespace

std::size_t end_of_json_string(std::string_view text, std::size_t i) {
  for (++i; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return text.size();
}

std::string_view inside_quotes(std::string_view quoted) {
  quoted.remove_prefix(1);
  if (quoted.ends_with('"')) quoted.remove_suffix(1);
  return quoted;
}

std::string unescape_json(std::string_view raw) {
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\' || i + 1 == raw.size()) {
      out += raw[i];
      continue;
    }
    const char c = raw[++i];
    if (c == 'u' && i + 4 < raw.size()) {
      append_unicode(out, raw.substr(i + 1, 4));
      i += 4;
    } else {
      out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'b' ? '\b' : c == 'f' ? '\f' : c;
    }
  }
  return out;
}

std::string escape_json(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || (c == '\\' && !is_unicode_escape(text.substr(i, 6)))) out += '\\';
    if (c == '\n' || c == '\t' || c == '\r') {
      out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string redact_json(std::string_view text, const JsonSecrets& secrets, int depth) {
  return Scanner(text, secrets, depth).run();
}

}  // namespace shadowtap::results
