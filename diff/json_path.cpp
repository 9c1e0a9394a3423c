#include "diff/json_path.h"

#include <algorithm>
#include <charconv>

#include "diff/text.h"

namespace shadowtap::diff {
namespace {

bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
bool is_hex(char c) { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

// RFC 9535 section 2.5.1.1: name-first and name-char.
bool is_name_first(char c) { return is_letter(c) || c == '_' || (c & 0x80) != 0; }
bool is_name_char(char c) { return is_name_first(c) || is_digit(c); }

void skip_space(PathCursor& cursor) {
  while (cursor.peek() == ' ' || cursor.peek() == '\t') ++cursor.at;
}

bool parse_integer(PathCursor& cursor, std::int64_t& value) {
  const char* begin = cursor.text.data() + cursor.at;
  const auto [end, error] =
      std::from_chars(begin, cursor.text.data() + cursor.text.size(), value);
  if (error != std::errc()) return cursor.fail("expected an integer");
  cursor.at += static_cast<std::size_t>(end - begin);
  return true;
}

bool parse_hex4(PathCursor& cursor, std::uint32_t& code) {
  const std::string_view digits = cursor.text.substr(cursor.at, 4);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  if (error != std::errc() || end - digits.data() != 4) {
    return cursor.fail("expected four hexadecimal digits");
  }
  cursor.at += 4;
  return true;
}

bool parse_unicode_escape(PathCursor& cursor, std::string& out) {
  std::uint32_t code = 0;
  if (!parse_hex4(cursor, code)) return false;
  if (code >= 0xD800 && code < 0xDC00 && cursor.text.substr(cursor.at, 2) == "\\u") {
    std::uint32_t low = 0;
    cursor.at += 2;
    if (!parse_hex4(cursor, low)) return false;
    if (low < 0xDC00 || low > 0xDFFF) return cursor.fail("expected a low surrogate");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  append_utf8(out, code);
  return true;
}

bool parse_quoted(PathCursor& cursor, std::string& out) {
  static constexpr std::string_view kNames = "bfnrt/\\'\"";
  static constexpr std::string_view kValues = "\b\f\n\r\t/\\'\"";
  const char quote = cursor.peek();
  ++cursor.at;
  while (!cursor.done()) {
    const char c = cursor.text[cursor.at++];
    if (c == quote) return true;
    if (c != '\\') {
      out += c;
      continue;
    }
    const char escaped = cursor.peek();
    ++cursor.at;
    if (escaped == 'u') {
      if (!parse_unicode_escape(cursor, out)) return false;
      continue;
    }
    const auto at = kNames.find(escaped);
    if (escaped == '\0' || at == std::string_view::npos) {
      --cursor.at;
      return cursor.fail("unknown escape");
    }
    out += kValues[at];
  }
  return cursor.fail("expected a closing quote");
}

// "[3]" or "[1:5:2]", at the first character.
bool parse_index_or_slice(PathCursor& cursor, JsonSelector& selector) {
  std::optional<std::int64_t> parts[3];
  int colons = 0;
  for (;;) {
    skip_space(cursor);
    if (is_digit(cursor.peek()) || cursor.peek() == '-') {
      if (!parse_integer(cursor, parts[colons].emplace())) return false;
      skip_space(cursor);
    }
    if (colons == 2 || !cursor.take(':')) break;
    ++colons;
  }
  if (colons == 0) {
    if (!parts[0]) return cursor.fail("expected a name, an index, a slice or '*'");
    selector.what = JsonSelector::What::kIndex;
    selector.index = *parts[0];
    return true;
  }
  selector.what = JsonSelector::What::kSlice;
  selector.start = parts[0];
  selector.end = parts[1];
  selector.step = parts[2].value_or(1);
  return true;
}

bool parse_bracketed(PathCursor& cursor, JsonSegment& segment) {
  do {
    skip_space(cursor);
    JsonSelector selector;
    if (cursor.peek() == '\'' || cursor.peek() == '"') {
      selector.what = JsonSelector::What::kName;
      if (!parse_quoted(cursor, selector.name)) return false;
    } else if (cursor.peek() == '?') {
      return cursor.fail("filters are not supported here");
    } else if (!cursor.take('*') && !parse_index_or_slice(cursor, selector)) {
      return false;
    }
    segment.selectors.push_back(std::move(selector));
    skip_space(cursor);
  } while (cursor.take(','));
  return cursor.take(']') || cursor.fail("expected ']' or ','");
}

bool parse_shorthand(PathCursor& cursor, JsonSegment& segment) {
  JsonSelector selector;
  if (!cursor.take('*')) {
    if (!is_name_first(cursor.peek())) return cursor.fail("expected a name or '*'");
    const std::size_t begin = cursor.at;
    while (!cursor.done() && is_name_char(cursor.peek())) ++cursor.at;
    selector.what = JsonSelector::What::kName;
    selector.name = cursor.text.substr(begin, cursor.at - begin);
  }
  segment.selectors.push_back(std::move(selector));
  return true;
}

bool parse_segment(PathCursor& cursor, JsonSegment& segment) {
  if (cursor.take('[')) return parse_bracketed(cursor, segment);
  if (!cursor.take('.')) return cursor.fail("expected '.', '[' or the end");
  if (!cursor.take('.')) return parse_shorthand(cursor, segment);
  segment.descendant = true;
  if (cursor.take('[')) return parse_bracketed(cursor, segment);
  return parse_shorthand(cursor, segment);
}

bool is_uuid(std::string_view key) {
  if (key.size() != 36) return false;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? key[i] != '-' : !is_hex(key[i])) return false;
  }
  return true;
}

bool is_email(std::string_view key) {
  const auto at = key.find('@');
  return at != std::string_view::npos && at > 0 && key.find('@', at + 1) == key.npos &&
         key.find('.', at) != key.npos && key.find('.', at) > at + 1 && key.back() != '.' &&
         key.find_first_of(" \t") == key.npos;
}

}  // namespace

bool PathCursor::take(char c) {
  if (done() || text[at] != c) return false;
  ++at;
  return true;
}

bool PathCursor::fail(std::string what) {
  error = std::move(what);
  return false;
}

// RFC 9535 section 2.3.4.2.2: bounds of a slice.
bool JsonSelector::selects_element(std::int64_t i, std::int64_t size) const {
  switch (what) {
    case What::kWildcard: return true;
    case What::kName: return false;
    case What::kIndex: return i == (index < 0 ? index + size : index);
    case What::kSlice: break;
  }
  if (step == 0) return false;
  const auto normal = [&](std::int64_t n) { return n >= 0 ? n : n + size; };
  if (step > 0) {
    const auto lower = std::clamp<std::int64_t>(normal(start.value_or(0)), 0, size);
    const auto upper = std::clamp<std::int64_t>(end ? normal(*end) : size, 0, size);
    return i >= lower && i < upper && (i - lower) % step == 0;
  }
  const auto upper = std::clamp<std::int64_t>(start ? normal(*start) : size - 1, -1, size - 1);
  const auto lower = std::clamp<std::int64_t>(end ? normal(*end) : -1, -1, size - 1);
  return i <= upper && i > lower && (upper - i) % -step == 0;
}

bool JsonSegment::selects_member(std::string_view key) const {
  return std::any_of(selectors.begin(), selectors.end(),
                     [&](const JsonSelector& s) { return s.selects_member(key); });
}

bool JsonSegment::selects_element(std::int64_t i, std::int64_t size) const {
  return std::any_of(selectors.begin(), selectors.end(),
                     [&](const JsonSelector& s) { return s.selects_element(i, size); });
}

bool parse_json_path(PathCursor& cursor, JsonPath& path) {
  if (!cursor.take('$')) return cursor.fail("expected '$'");
  while (!cursor.done() && cursor.peek() != '|') {
    if (!parse_segment(cursor, path.segments.emplace_back())) return false;
  }
  return true;
}

void append_member(std::string& path, std::string_view key) {
  if (!key.empty() && is_name_first(key.front()) &&
      std::all_of(key.begin(), key.end(), is_name_char)) {
    path += '.';
    path += key;
    return;
  }
  path += "['";
  // RFC 9535 section 2.7: normalized paths escape exactly these.
  static constexpr std::string_view kPlain = "\b\f\n\r\t\\'";
  static constexpr std::string_view kNames = "bfnrt\\'";
  static constexpr std::string_view kHex = "0123456789abcdef";
  for (const char c : key) {
    if (const auto at = kPlain.find(c); at != std::string_view::npos) {
      path += '\\';
      path += kNames[at];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      path += "\\u00";
      path += kHex[static_cast<unsigned char>(c) >> 4];
      path += kHex[c & 0xF];
    } else {
      path += c;
    }
  }
  path += "']";
}

void append_index(std::string& path, std::uint64_t index) {
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, index);
  path += '[';
  path.append(digits, end);
  path += ']';
}

bool is_id_like(std::string_view key) {
  if (key.empty()) return false;
  if (is_digit(key.front()) || key.size() > 100 || is_uuid(key)) return true;
  return (key.size() >= 16 && std::all_of(key.begin(), key.end(), is_hex)) || is_email(key);
}

}  // namespace shadowtap::diff
