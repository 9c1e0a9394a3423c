#include "diff/json_parser.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "diff/json_index.h"
#include "diff/text.h"

namespace shadowtap::diff {
namespace {

// Deeper texts exist only to break parsers; 100 MB of brackets must not cost gigabytes.
constexpr std::size_t kMaxDepth = 1'000'000;
// Up to so many members, a repeated key is looked for by going over them.
constexpr std::uint32_t kFewMembers = 32;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool read_hex4(std::string_view content, std::size_t at, std::uint32_t& unit) {
  const std::string_view digits = content.substr(std::min(at, content.size()), 4);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
  return error == std::errc() && end == digits.data() + 4;
}

// At a backslash; moves past the escape.
bool append_escape(std::string_view content, std::size_t& at, std::string& out) {
  static constexpr std::string_view kNames = "\"\\/bfnrt";
  static constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
  if (at + 1 >= content.size()) return false;
  const char name = content[at + 1];
  at += 2;
  if (const auto known = kNames.find(name); known != std::string_view::npos) {
    out += kValues[known];
    return true;
  }
  std::uint32_t code = 0;
  if (name != 'u' || !read_hex4(content, at, code)) return false;
  at += 4;
  std::uint32_t low = 0;
  if (code >= 0xD800 && code < 0xDC00 && content.substr(at, 2) == "\\u" &&
      read_hex4(content, at + 2, low) && low >= 0xDC00 && low < 0xE000) {
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    at += 6;
  }
  append_utf8(out, code);
  return true;
}

bool append_unescaped(std::string_view content, std::string& out) {
  std::size_t at = 0;
  while (at < content.size()) {
    const std::size_t backslash = std::min(content.find('\\', at), content.size());
    out += content.substr(at, backslash - at);
    at = backslash;
    if (at < content.size() && !append_escape(content, at, out)) return false;
  }
  return true;
}

class Parser {
 public:
  Parser(JsonBuilder& builder, std::string_view text, std::span<const std::uint32_t> tokens,
         std::uint64_t max_nodes)
      : text_(text.data()), size_(static_cast<std::uint32_t>(text.size())),
        token_(tokens.data()), last_(token_ + tokens.size()), nodes_(builder.nodes()),
        max_nodes_(static_cast<NodeId>(max_nodes)), decoded_(builder.decoded()),
        escapes_(text.find('\\') != std::string_view::npos) {}

  JsonParsed run(bool sequence) {
    if (sequence) {
      if (!add(JsonType::kArray, 0, size_)) return JsonParsed::kTooLarge;
      nodes_[0].end = 1;
      open_.push_back({0, false, 0, 0});
    }
    if ((sequence && token_ == last_) || parse_values(sequence)) return JsonParsed::kDocument;
    return too_large_ || too_deep_ ? JsonParsed::kTooLarge : JsonParsed::kNotJson;
  }
  std::size_t size() const { return next_; }
  bool too_deep() const { return too_deep_; }

 private:
  struct Open {
    NodeId node;
    bool object;
    std::uint32_t count;
    std::uint64_t keys_seen;  // one bit a key, by a cheap hash
  };
  struct Text {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    bool escaped = false;
  };

  char current() const { return token_ < last_ ? text_[*token_] : '\0'; }

  bool parse_values(bool sequence) {
    bool done = false;
    while (!done) {
      bool descended = false;
      if (!parse_value(descended)) return false;
      if (!descended && !after_value(sequence, done)) return false;
    }
    return true;
  }

  bool parse_value(bool& descended) {
    switch (current()) {
      case '"': return string_value();
      case '{': return open(JsonType::kObject, descended);
      case '[': return open(JsonType::kArray, descended);
      case 't': return literal("true", JsonType::kTrue);
      case 'f': return literal("false", JsonType::kFalse);
      case 'n': return literal("null", JsonType::kNull);
      default: return number_value();
    }
  }

  // After a whole value: closing brackets (any number), then a comma or the end.
  bool after_value(bool sequence, bool& done) {
    const std::size_t top = sequence ? 1 : 0;
    while (open_.size() > top) {
      Open& parent = open_.back();
      ++parent.count;
      const char c = current();
      if (c == ',') {
        ++token_;
        return parent.object ? key() : true;
      }
      if (c != (parent.object ? '}' : ']')) return false;
      close();
    }
    done = token_ == last_;
    if (!sequence) return done;
    nodes_[0].count = ++open_.front().count;
    nodes_[0].end = next_;
    return true;
  }

  bool open(JsonType type, bool& descended) {
    const NodeId id = next_;
    too_deep_ = open_.size() >= kMaxDepth;
    if (too_deep_ || !add(type, *token_, *token_ + 1)) return false;
    const bool object = type == JsonType::kObject;
    open_.push_back({id, object, 0, 0});
    ++token_;
    if (current() == (object ? '}' : ']')) {
      close();
      return true;
    }
    descended = true;
    return object ? key() : true;
  }

  void close() {
    const Open& closed = open_.back();
    JsonNode& n = nodes_[closed.node];
    n.end = next_;
    n.count = closed.count;
    n.raw_size = *token_ + 1 - n.raw;
    if (closed.object && closed.count > kFewMembers) {
      n.duplicates = n.duplicates || many_have_duplicates(closed.node);
    }
    open_.pop_back();
    ++token_;
  }

  bool key() {
    if (current() != '"') return false;
    std::uint32_t end = 0;
    if (!read_string(pending_key_, end) || current() != ':') return false;
    ++token_;
    Open& object = open_.back();
    if (object.count >= kFewMembers) return true;
    const std::string_view text = key_text(pending_key_);
    const std::uint64_t seen = std::uint64_t{1} << (cheap_hash(text) & 63);
    if ((object.keys_seen & seen) != 0 && repeats(object.node, text)) {
      nodes_[object.node].duplicates = true;
    }
    object.keys_seen |= seen;
    return true;
  }

  static std::size_t cheap_hash(std::string_view key) {
    if (key.empty()) return 0;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(key[i]); };
    return key.size() * 7 + byte(0) * 5U + byte(key.size() / 2) * 3U +
           byte(key.size() - 1) * 11U;
  }

  std::string_view key_text(const Text& key) const {
    return {(key.escaped ? decoded_.data() : text_) + key.begin, key.size};
  }
  std::string_view key_of(NodeId id) const {
    return {(nodes_[id].key_escaped ? decoded_.data() : text_) + nodes_[id].key,
            nodes_[id].key_size};
  }

  bool repeats(NodeId object, std::string_view key) const {
    for (NodeId c = object + 1; c < next_; c = nodes_[c].end) {
      if (key_of(c) == key) return true;
    }
    return false;
  }

  bool many_have_duplicates(NodeId object) const {
    std::vector<std::string_view> keys;
    for (NodeId c = object + 1; c < next_; c = nodes_[c].end) keys.push_back(key_of(c));
    std::sort(keys.begin(), keys.end());
    return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
  }

  bool string_value() {
    const std::uint32_t begin = *token_;
    std::uint32_t end = 0;
    Text text;
    if (!read_string(text, end) || !add(JsonType::kString, begin, end)) return false;
    if (text.escaped) {
      JsonNode& n = nodes_[next_ - 1];
      n.escaped = true;
      n.decoded = text.begin;
      n.count = text.size;
    }
    return true;
  }

  // Between a string's token and the next one stand its content, the closing quote and
  // space.
  bool read_string(Text& text, std::uint32_t& end) {
    const std::uint32_t begin = *token_ + 1;
    end = token_[1];
    while (end > begin && is_space(text_[end - 1])) --end;
    if (end <= begin || text_[end - 1] != '"') return false;
    ++token_;
    text = {begin, end - 1 - begin, false};
    return !escapes_ || unescape(text);
  }

  bool unescape(Text& text) {
    const std::string_view content(text_ + text.begin, text.size);
    if (content.find('\\') == std::string_view::npos) return true;
    text.begin = static_cast<std::uint32_t>(decoded_.size());
    text.escaped = true;
    if (!append_unescaped(content, decoded_)) return false;
    text.size = static_cast<std::uint32_t>(decoded_.size() - text.begin);
    return true;
  }

  bool number_value() {
    if (token_ == last_) return false;
    const char* const begin = text_ + *token_;
    const char* const end = text_ + size_;
    const char* p = begin;
    const auto digits = [&] {
      const char* first = p;
      while (p < end && is_digit(*p)) ++p;
      return p - first;
    };
    if (*p == '-') ++p;
    const char* integer = p;
    const auto length = digits();
    if (length == 0 || (length > 1 && *integer == '0')) return false;
    if (p < end && *p == '.') {
      ++p;
      if (digits() == 0) return false;
    }
    if (p < end && (*p | 0x20) == 'e') {
      ++p;
      if (p < end && (*p == '+' || *p == '-')) ++p;
      if (digits() == 0) return false;
    }
    if (!ends_scalar(p)) return false;
    const std::uint32_t offset = *token_++;
    return add(JsonType::kNumber, offset, offset + static_cast<std::uint32_t>(p - begin));
  }

  bool literal(std::string_view word, JsonType type) {
    const std::uint32_t begin = *token_;
    const auto length = static_cast<std::uint32_t>(word.size());
    if (size_ - begin < length || std::memcmp(text_ + begin, word.data(), length) != 0 ||
        !ends_scalar(text_ + begin + length)) {
      return false;
    }
    ++token_;
    return add(type, begin, begin + length);
  }

  bool ends_scalar(const char* p) const {
    if (p == text_ + size_) return true;
    const char c = *p;
    return c == ',' || c == '}' || c == ']' || is_space(c) || c == '[' || c == '{' || c == ':';
  }

  bool add(JsonType type, std::uint32_t begin, std::uint32_t end) {
    if (next_ >= max_nodes_) {
      too_large_ = true;
      return false;
    }
    const Text key = pending_key_;
    pending_key_ = {};
    nodes_[next_] = {begin, end - begin, key.begin, key.size, next_ + 1, 0, 0,
                     type, key.escaped, false, false};
    ++next_;
    return true;
  }

  const char* const text_;
  const std::uint32_t size_;
  const std::uint32_t* token_;
  const std::uint32_t* const last_;  // past the last token; holds the text's size
  JsonNode* const nodes_;
  NodeId next_ = 0;
  const NodeId max_nodes_;
  std::string& decoded_;
  const bool escapes_;  // there is a backslash somewhere
  bool too_large_ = false;
  bool too_deep_ = false;
  Text pending_key_;
  std::vector<Open> open_;
};

}  // namespace

void JsonBuilder::begin(std::string_view source, std::size_t max_nodes) {
  document_.source_ = source;
  document_.decoded_.clear();
  document_.nodes_ = JsonNodes(max_nodes);
  document_.size_ = 0;
}

JsonParsed parse_json(JsonBuilder builder, std::string_view text, std::uint64_t max_nodes,
                      bool sequence) {
  if (text.size() >= std::numeric_limits<std::uint32_t>::max()) return JsonParsed::kTooLarge;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  JsonIndex index;
  if (!index.build(text) && !(sequence && trim(text).empty())) return JsonParsed::kNotJson;
  // Every second token at most begins a value, but in a sequence of scalars.
  const std::uint64_t tokens = index.tokens().size();
  const std::uint64_t bound = std::min(sequence ? tokens + 1 : tokens / 2 + 1, max_nodes);
  builder.begin(text, bound);
  Parser parser(builder, text, index.tokens(), bound);
  const JsonParsed parsed = parser.run(sequence);
  if (parsed == JsonParsed::kDocument) builder.finish(parser.size());
  // More values than tokens allow is no JSON; more than the caller allows is too much.
  const bool limited = bound == max_nodes || parser.too_deep();
  return parsed == JsonParsed::kTooLarge && !limited ? JsonParsed::kNotJson : parsed;
}

}  // namespace shadowtap::diff
