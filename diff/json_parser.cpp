#include "diff/json_parser.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace shadowtap::diff {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
constexpr std::uint64_t kHighs = 0x8080808080808080ULL;

// The high bit of each byte that is zero; exact up to and including the first one.
std::uint64_t zero_bytes(std::uint64_t word) { return (word - kOnes) & ~word & kHighs; }

// Bytes that end a plain run inside a string: quote, backslash, control, not ASCII.
std::uint64_t special_bytes(std::uint64_t word) {
  const std::uint64_t control = (word - kOnes * 0x20) & ~word & kHighs;
  return control | zero_bytes(word ^ (kOnes * '"')) | zero_bytes(word ^ (kOnes * '\\')) |
         (word & kHighs);
}

bool is_special(unsigned char c) { return c < 0x20 || c == '"' || c == '\\' || c >= 0x80; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::uint64_t key_bit(std::string_view key) {
  if (key.empty()) return 1;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(key[i]); };
  const std::size_t h = key.size() * 7 + byte(0) * 5 + byte(key.size() / 2) * 3U +
                        byte(key.size() - 1) * 11U;
  return std::uint64_t{1} << (h & 63);
}

}  // namespace

JsonParser::JsonParser(JsonDocument& document, std::string_view text, std::uint64_t max_nodes)
    : document_(document), begin_(text.data()), p_(begin_), end_(begin_ + text.size()),
      max_nodes_(std::min<std::uint64_t>(max_nodes, std::numeric_limits<NodeId>::max() - 1)) {
  document_.source_ = text;
  document_.decoded_.clear();
  document_.nodes_.clear();
  document_.nodes_.reserve(std::min<std::size_t>(text.size() / 9 + 8, 1U << 20));
  if (text.starts_with("\xEF\xBB\xBF")) p_ += 3;
}

JsonParsed JsonParser::run(bool sequence) {
  if (static_cast<std::uint64_t>(end_ - begin_) > std::numeric_limits<std::uint32_t>::max()) {
    return JsonParsed::kTooLarge;
  }
  if (sequence) {
    if (!add(JsonType::kArray, begin_, end_)) return JsonParsed::kTooLarge;
    open_.push_back({0, 0, false});
  }
  if (parse_values(sequence)) return JsonParsed::kDocument;
  document_.nodes_.clear();
  return too_large_ ? JsonParsed::kTooLarge : JsonParsed::kNotJson;
}

bool JsonParser::parse_values(bool sequence) {
  bool done = false;
  skip_space();
  if (sequence && p_ == end_) {
    document_.nodes_[0].end = 1;
    return true;
  }
  while (!done) {
    expects_value_ = false;
    if (!parse_value()) return false;
    // A container that was just opened and is not empty goes on with its first value.
    if (expects_value_) continue;
    if (!after_value(sequence, done)) return false;
  }
  return true;
}

bool JsonParser::parse_value() {
  if (p_ == end_) return false;
  switch (*p_) {
    case '"': return string_value();
    case '{': return open(JsonType::kObject);
    case '[': return open(JsonType::kArray);
    case 't': return literal("true", JsonType::kTrue);
    case 'f': return literal("false", JsonType::kFalse);
    case 'n': return literal("null", JsonType::kNull);
    default: return number_value();
  }
}

// After a whole value: commas, closing brackets (any number), the next value's start.
bool JsonParser::after_value(bool sequence, bool& done) {
  for (;;) {
    skip_space();
    const bool at_top = open_.size() == (sequence ? 1U : 0U);
    if (!open_.empty()) ++document_.nodes_[open_.back().node].count;
    if (at_top) {
      done = p_ == end_;
      if (done && sequence) document_.nodes_[0].end = static_cast<NodeId>(document_.size());
      return done || sequence;
    }
    if (p_ == end_) return false;
    const bool object = document_.nodes_[open_.back().node].type == JsonType::kObject;
    if (*p_ == ',') {
      ++p_;
      skip_space();
      return object ? key() : true;
    }
    if (*p_ != (object ? '}' : ']')) return false;
    if (!close()) return false;
  }
}

bool JsonParser::open(JsonType type) {
  const NodeId id = static_cast<NodeId>(document_.size());
  if (!add(type, p_, p_ + 1)) return false;
  open_.push_back({id, 0, false});
  ++p_;
  skip_space();
  if (p_ == end_) return false;
  if (*p_ == (type == JsonType::kObject ? '}' : ']')) return close();
  expects_value_ = true;
  return type == JsonType::kObject ? key() : true;
}

bool JsonParser::close() {
  ++p_;
  const Open closed = open_.back();
  open_.pop_back();
  JsonNode& n = document_.nodes_[closed.node];
  n.end = static_cast<NodeId>(document_.size());
  n.raw_size = offset(p_) - n.raw;
  if (closed.maybe_duplicate) n.duplicates = has_duplicates(closed.node);
  return true;
}

bool JsonParser::key() {
  if (p_ == end_ || *p_ != '"' || !read_string(pending_key_)) return false;
  const std::string_view text =
      (pending_key_.escaped ? std::string_view(document_.decoded_) : document_.source_)
          .substr(pending_key_.begin, pending_key_.size);
  Open& object = open_.back();
  const std::uint64_t bit = key_bit(text);
  object.maybe_duplicate = object.maybe_duplicate || (object.keys_seen & bit) != 0;
  object.keys_seen |= bit;
  skip_space();
  if (p_ == end_ || *p_ != ':') return false;
  ++p_;
  skip_space();
  return true;
}

bool JsonParser::string_value() {
  const char* start = p_;
  Text text;
  if (!read_string(text) || !add(JsonType::kString, start, p_)) return false;
  if (text.escaped) {
    JsonNode& n = document_.nodes_.back();
    n.escaped = true;
    n.decoded = text.begin;
    n.count = text.size;
  }
  return true;
}

bool JsonParser::number_value() {
  const char* start = p_;
  const char* p = p_;
  const auto digits = [&] {
    const char* first = p;
    while (p < end_ && is_digit(*p)) ++p;
    return p - first;
  };
  if (*p == '-') ++p;
  const char* integer = p;
  const auto length = digits();
  if (length == 0 || (length > 1 && *integer == '0')) return false;
  if (p < end_ && *p == '.') {
    ++p;
    if (digits() == 0) return false;
  }
  if (p < end_ && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p < end_ && (*p == '+' || *p == '-')) ++p;
    if (digits() == 0) return false;
  }
  p_ = p;
  return add(JsonType::kNumber, start, p);
}

bool JsonParser::literal(std::string_view word, JsonType type) {
  if (static_cast<std::size_t>(end_ - p_) < word.size() ||
      std::memcmp(p_, word.data(), word.size()) != 0) {
    return false;
  }
  const char* start = p_;
  p_ += word.size();
  return add(type, start, p_);
}

const char* JsonParser::skip_plain(const char* p) const {
  if constexpr (std::endian::native == std::endian::little) {
    while (end_ - p >= 8) {
      std::uint64_t word;
      std::memcpy(&word, p, 8);
      if (const std::uint64_t special = special_bytes(word)) {
        return p + std::countr_zero(special) / 8;
      }
      p += 8;
    }
  }
  while (p < end_ && !is_special(static_cast<unsigned char>(*p))) ++p;
  return p;
}

// At the opening quote; leaves p_ past the closing one.
bool JsonParser::read_string(Text& text) {
  const char* begin = p_ + 1;
  const char* p = begin;
  for (;;) {
    p = skip_plain(p);
    if (p == end_) return false;
    const auto c = static_cast<unsigned char>(*p);
    if (c == '"') {
      text = {offset(begin), static_cast<std::uint32_t>(p - begin), false};
      p_ = p + 1;
      return true;
    }
    if (c == '\\') {
      p_ = p;
      return read_escaped_string(begin, text);
    }
    if (c < 0x20 || !skip_utf8(p)) return false;
  }
}

// From the first backslash on; what stands before it is plain.
bool JsonParser::read_escaped_string(const char* begin, Text& text) {
  std::string& out = document_.decoded_;
  text = {static_cast<std::uint32_t>(out.size()), 0, true};
  out.append(begin, p_);
  while (p_ < end_) {
    const auto c = static_cast<unsigned char>(*p_);
    if (c == '"') {
      ++p_;
      text.size = static_cast<std::uint32_t>(out.size() - text.begin);
      return true;
    }
    if (c == '\\') {
      ++p_;
      if (!read_escape()) return false;
      continue;
    }
    if (c < 0x20) return false;
    const char* run = p_;
    const char* p = c >= 0x80 ? p_ : skip_plain(p_);
    if (c >= 0x80 && !skip_utf8(p)) return false;
    out.append(run, p);
    p_ = p;
  }
  return false;
}

bool JsonParser::read_escape() {
  if (p_ == end_) return false;
  static constexpr std::string_view kNames = "\"\\/bfnrt";
  static constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
  const char c = *p_++;
  if (const auto at = kNames.find(c); at != std::string_view::npos) {
    document_.decoded_ += kValues[at];
    return true;
  }
  std::uint32_t code = 0;
  if (c != 'u' || !read_hex4(code)) return false;
  if (code >= 0xD800 && code < 0xDC00 && end_ - p_ >= 6 && p_[0] == '\\' && p_[1] == 'u') {
    const char* before = p_;
    std::uint32_t low = 0;
    p_ += 2;
    if (!read_hex4(low)) return false;
    if (low >= 0xDC00 && low < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else {
      p_ = before;
    }
  }
  append_code_point(code);
  return true;
}

bool JsonParser::read_hex4(std::uint32_t& unit) {
  if (end_ - p_ < 4) return false;
  unit = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = *p_++;
    const int lower = c | 0x20;
    if (is_digit(c)) {
      unit = unit * 16 + static_cast<std::uint32_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      unit = unit * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
    } else {
      return false;
    }
  }
  return true;
}

void JsonParser::append_code_point(std::uint32_t code) {
  std::string& out = document_.decoded_;
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | (code >> 6));
    return put(0x80 | (code & 0x3F));
  }
  if (code < 0x10000) {
    put(0xE0 | (code >> 12));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
  }
  put(0x80 | ((code >> 6) & 0x3F));
  put(0x80 | (code & 0x3F));
}

// One code point of two to four bytes (RFC 3629: no overlong form, no surrogate).
bool JsonParser::skip_utf8(const char*& p) const {
  const auto byte = [&](int i) { return static_cast<unsigned char>(p[i]); };
  const auto follows = [&](int n) {
    if (end_ - p <= n) return false;
    for (int i = 1; i <= n; ++i) {
      if ((byte(i) & 0xC0) != 0x80) return false;
    }
    return true;
  };
  const unsigned char c = byte(0);
  int more = 0;
  if (c >= 0xC2 && c <= 0xDF) {
    more = 1;
  } else if (c >= 0xE0 && c <= 0xEF) {
    more = 2;
  } else if (c >= 0xF0 && c <= 0xF4) {
    more = 3;
  } else {
    return false;
  }
  if (!follows(more)) return false;
  if (c == 0xE0 && byte(1) < 0xA0) return false;
  if (c == 0xED && byte(1) > 0x9F) return false;
  if (c == 0xF0 && byte(1) < 0x90) return false;
  if (c == 0xF4 && byte(1) > 0x8F) return false;
  p += more + 1;
  return true;
}

void JsonParser::skip_space() {
  while (p_ < end_ && static_cast<unsigned char>(*p_) <= ' ' &&
         (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t')) {
    ++p_;
  }
}

bool JsonParser::add(JsonType type, const char* begin, const char* end) {
  if (document_.nodes_.size() >= max_nodes_) {
    too_large_ = true;
    return false;
  }
  JsonNode& n = document_.nodes_.emplace_back();
  n.raw = offset(begin);
  n.raw_size = static_cast<std::uint32_t>(end - begin);
  n.end = static_cast<NodeId>(document_.nodes_.size());
  n.type = type;
  n.key = pending_key_.begin;
  n.key_size = pending_key_.size;
  n.key_escaped = pending_key_.escaped;
  pending_key_ = {};
  return true;
}

bool JsonParser::has_duplicates(NodeId object) const {
  const JsonDocument& d = document_;
  std::vector<std::string_view> keys;
  keys.reserve(d[object].count);
  for (NodeId c = object + 1; c < d[object].end; c = d[c].end) keys.push_back(d.key(c));
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

}  // namespace shadowtap::diff
