// A JSONPath query (RFC 9535) as rules use it: names, wildcards, indexes, slices, unions
// and descendants; no filters and no functions. Immutable once parsed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shadowtap::diff {

struct JsonSelector {
  enum class What : std::uint8_t { kName, kWildcard, kIndex, kSlice };
  What what = What::kWildcard;
  std::string name;
  std::int64_t index = 0;  // negative: from the end
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> end;
  std::int64_t step = 1;

  bool selects_member(std::string_view key) const {
    return what == What::kWildcard || (what == What::kName && name == key);
  }
  // Element `i` of an array of `size`.
  bool selects_element(std::int64_t i, std::int64_t size) const;
};

struct JsonSegment {
  bool descendant = false;
  std::vector<JsonSelector> selectors;

  bool selects_member(std::string_view key) const;
  bool selects_element(std::int64_t i, std::int64_t size) const;
};

struct JsonPath {
  std::vector<JsonSegment> segments;
};

// What a parser of paths stands at; `error` says what it expected there.
struct PathCursor {
  std::string_view text;
  std::size_t at = 0;
  std::string error;

  bool done() const { return at >= text.size(); }
  char peek() const { return done() ? '\0' : text[at]; }
  bool take(char c);
  bool fail(std::string what);
};

// From '$' up to the end or a bar. False: cursor.error and cursor.at say why and where.
bool parse_json_path(PathCursor& cursor, JsonPath& path);

// Appends one step to an exact path: ".name", "['a b']", "[3]".
void append_member(std::string& path, std::string_view key);
void append_index(std::string& path, std::uint64_t index);

// A key that looks like an identifier of a thing and not like a field's name.
bool is_id_like(std::string_view key);

}  // namespace shadowtap::diff
