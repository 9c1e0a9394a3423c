// HTTP/1.x messages as values: what was on the wire, in its order and case.
// Plain data; knows nothing of connections or of parsing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shadowtap::http {

// Without the optional white space around it (RFC 9110 section 5.6.3).
std::string_view trimmed(std::string_view text);

// Header or trailer lines in wire order, case kept, repeats kept. All text stands in
// one buffer, so a message's head costs two allocations. Views end with the next append.
class HeaderList {
 public:
  void append(std::string_view name, std::string_view value);
  // A line in pieces, for a parser: begin(), more_name()…, more_value()…, end(), which
  // drops white space after the value.
  void begin_line();
  void more_name(std::string_view piece);
  void more_value(std::string_view piece);
  void end_line();
  void reserve(std::size_t lines, std::size_t bytes);

  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  std::string_view name(std::size_t i) const { return view(fields_[i].name); }
  std::string_view value(std::size_t i) const { return view(fields_[i].value); }

  // The first line of that name (case ignored).
  std::optional<std::string_view> find(std::string_view name) const;
  // Whether any line of that name has `token` in its comma list (case ignored).
  bool has_token(std::string_view name, std::string_view token) const;
  std::size_t bytes() const { return text_.size() + fields_.size() * sizeof(Field); }

 private:
  struct Span {
    std::uint32_t offset;
    std::uint32_t size;
  };
  struct Field {
    Span name;
    Span value;
  };
  std::string_view view(Span s) const { return std::string_view(text_).substr(s.offset, s.size); }

  std::string text_;
  std::vector<Field> fields_;
};

// A message body as framed (chunking removed, content coding kept). Past the kept
// limit only the length and the hash go on.
struct Body {
  std::string bytes;       // the first `bytes.size()` bytes
  std::uint64_t size = 0;  // true length on the wire
  std::optional<std::array<std::uint8_t, 32>> sha256;  // where asked for, or when cut

  bool whole() const { return bytes.size() == size; }
};

struct Version {
  std::uint8_t major = 1;
  std::uint8_t minor = 1;
  bool operator==(const Version&) const = default;
};

struct Request {
  std::string method;  // any token, at most 32 bytes
  std::string target;  // as on the request line
  Version version;
  HeaderList headers;
  Body body;
  HeaderList trailers;
  bool chunked = false;

  std::size_t held_bytes() const;
};

struct Response {
  int status = 0;
  std::string reason;
  Version version;
  HeaderList headers;
  Body body;
  HeaderList trailers;
  bool chunked = false;
  bool close_delimited = false;

  std::size_t held_bytes() const;
};

}  // namespace shadowtap::http
