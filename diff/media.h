// Media types: what a Content-Type says, and what a body looks like where it says
// nothing. Views of the header's value; knows nothing of comparing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shadowtap::diff {

enum class Media : std::uint8_t {
  kJson, kNdjson, kForm, kMultipart, kXml, kHtml, kText, kBinary,
};
std::string_view to_string(Media media);

struct ContentType {
  std::string essence;   // "type/subtype", lower-case; empty where there is none
  std::string charset;   // lower-case; empty where there is none
  std::string boundary;  // of a multipart
};
ContentType parse_content_type(std::string_view value);

// The media type by name, else (none or application/octet-stream) by the body's look.
Media media_of(const ContentType& type, std::string_view body);

// By the body alone: JSON and NDJSON by their first lines, markup by its first tag, text where
// the first KiB is UTF-8 without control characters.
Media sniff(std::string_view body);

}  // namespace shadowtap::diff
