// The JSON reader behind JsonDocument: one pass, no recursion, bounded by max_nodes.
// Why not simdjson here: its DOM loses the number's text and cannot hold integers from
// 2^64 on, its On-Demand front end can only be walked recursively and falls back to
// its slowest kernel in a build without -march. tests hold both against each other.
#pragma once

#include "diff/json_document.h"

namespace shadowtap::diff {

class JsonParser {
 public:
  JsonParser(JsonDocument& document, std::string_view text, std::uint64_t max_nodes);
  JsonParsed run(bool sequence);

 private:
  struct Open {
    NodeId node;
    std::uint64_t keys_seen;  // one bit a key, by a cheap hash
    bool maybe_duplicate;
  };
  struct Text {
    std::uint32_t begin;
    std::uint32_t size;
    bool escaped;
  };

  bool parse_values(bool sequence);
  bool parse_value();
  bool after_value(bool sequence, bool& done);
  bool open(JsonType type);
  bool close();
  bool key();
  bool string_value();
  bool number_value();
  bool literal(std::string_view word, JsonType type);

  bool read_string(Text& text);
  bool read_escaped_string(const char* begin, Text& text);
  bool read_escape();
  bool read_hex4(std::uint32_t& unit);
  const char* skip_plain(const char* p) const;
  bool skip_utf8(const char*& p) const;
  void append_code_point(std::uint32_t code);

  void skip_space();
  bool add(JsonType type, const char* begin, const char* end);
  bool has_duplicates(NodeId object) const;
  std::uint32_t offset(const char* p) const { return static_cast<std::uint32_t>(p - begin_); }

  JsonDocument& document_;
  const char* begin_;
  const char* p_;
  const char* end_;
  std::uint64_t max_nodes_;
  bool too_large_ = false;
  bool expects_value_ = false;  // after '[' or ',' or ':'
  Text pending_key_{};
  std::vector<Open> open_;
};

}  // namespace shadowtap::diff
