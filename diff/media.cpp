#include "diff/media.h"

#include <algorithm>
#include <array>

#include "diff/text.h"

namespace shadowtap::diff {
namespace {

std::string_view unquoted(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    return value.substr(1, value.size() - 2);
  }
  return value;
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

constexpr std::size_t kSample = 1024;

bool looks_like_text(std::string_view body) {
  std::string_view head = body.substr(0, kSample);
  // A code point may be cut at the end of the sample.
  for (int i = 0; i < 3 && head.size() < body.size() && !head.empty() && !is_utf8(head); ++i) {
    head.remove_suffix(1);
  }
  if (!is_utf8(head)) return false;
  return std::none_of(head.begin(), head.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t' &&
           c != '\f' && c != '\x1b';
  });
}

// A whole document on the first line and another one behind it: no JSON text has that.
bool looks_like_ndjson(std::string_view body) {
  const auto newline = body.find('\n');
  if (newline == body.npos) return false;
  const std::string_view first = trim(body.substr(0, newline));
  if (first.empty() || (first.back() != '}' && first.back() != ']')) return false;
  const auto next = body.find_first_not_of(" \t\r\n", newline);
  return next != body.npos && (body[next] == '{' || body[next] == '[');
}

bool begins_ignoring_case(std::string_view body, std::string_view word) {
  return equal_ignoring_case(body.substr(0, word.size()), word);
}

}  // namespace

std::string_view to_string(Media media) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "json", "ndjson", "form", "multipart", "xml", "html", "text", "binary"};
  return kNames[static_cast<std::size_t>(media)];
}

ContentType parse_content_type(std::string_view value) {
  ContentType type;
  const auto parts = split(value, ';');
  type.essence = to_lower(parts.front());
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto equals = parts[i].find('=');
    if (equals == std::string_view::npos) continue;
    const std::string name = to_lower(trim(parts[i].substr(0, equals)));
    const std::string_view text = unquoted(trim(parts[i].substr(equals + 1)));
    if (name == "charset") type.charset = to_lower(text);
    if (name == "boundary") type.boundary = text;
  }
  return type;
}

Media media_of(const ContentType& type, std::string_view body) {
  const std::string& t = type.essence;
  if (one_of(t, {"application/x-ndjson", "application/ndjson", "application/jsonl",
                 "application/x-jsonlines", "application/jsonlines",
                 "application/json-seq"})) {
    return Media::kNdjson;
  }
  if (one_of(t, {"application/json", "text/json", "text/x-json"}) || t.ends_with("+json")) {
    return Media::kJson;
  }
  if (t == "application/x-www-form-urlencoded") return Media::kForm;
  if (t.starts_with("multipart/") && !type.boundary.empty()) return Media::kMultipart;
  if (t == "text/html") return Media::kHtml;
  if (one_of(t, {"application/xml", "text/xml"}) || t.ends_with("+xml")) return Media::kXml;
  if (t.starts_with("text/") || t == "application/javascript") return Media::kText;
  if (t.empty() || t == "application/octet-stream") return sniff(body);
  return looks_like_text(body) ? Media::kText : Media::kBinary;
}

Media sniff(std::string_view body) {
  if (!looks_like_text(body)) return Media::kBinary;
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  const std::string_view start = trim(body.substr(0, kSample));
  if (start.empty()) return Media::kText;
  if (start.front() == '{' || start.front() == '[') {
    return looks_like_ndjson(body) ? Media::kNdjson : Media::kJson;
  }
  if (start.front() == '"') return Media::kJson;
  if (begins_ignoring_case(start, "<!doctype html") || begins_ignoring_case(start, "<html")) {
    return Media::kHtml;
  }
  if (start.size() > 1 && start.front() == '<' &&
      (start[1] == '?' || start[1] == '!' || (lower(start[1]) >= 'a' && lower(start[1]) <= 'z'))) {
    return Media::kXml;
  }
  return Media::kText;
}

}  // namespace shadowtap::diff
