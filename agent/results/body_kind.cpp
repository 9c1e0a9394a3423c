#include "agent/results/body_kind.h"

#include "agent/http/decode.h"

namespace shadowtap::results {
namespace {

// Whether every other byte of the first four is zero, from `first` on.
bool alternates(std::string_view bytes, std::size_t first) {
  return bytes.size() >= 4 && bytes[first] == 0 && bytes[first + 2] == 0 && bytes[1 - first] != 0 &&
         bytes[3 - first] != 0;
}

}  // namespace

bool is_form(std::string_view type, std::string_view body) {
  if (type.find("x-www-form-urlencoded") != std::string_view::npos) return true;
  const bool json = body.starts_with('{') || body.starts_with('[');
  return type.empty() && !json && body.find('=') != std::string_view::npos &&
         body.find_first_of(" \n<") == std::string_view::npos;
}

bool is_media(std::string_view type, std::string_view body) {
  const bool named = type.starts_with("image/") || type.starts_with("audio/") ||
                     type.starts_with("video/") || type.starts_with("font/");
  const std::size_t start = body.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  return named && (start == std::string_view::npos ||
                   std::string_view("{[\"<").find(body[start]) == std::string_view::npos);
}

// As the bytes show it (RFC 4627 section 3), as they say, or as the type says.
std::string wide_charset(std::string_view type, std::string_view body) {
  if (alternates(body, 1)) return "utf-16le";
  if (alternates(body, 0)) return "utf-16be";
  if (body.starts_with("\xff\xfe") || body.starts_with("\xfe\xff")) return "utf-16";
  const std::string named = http::charset_of(type);
  const bool is_wide = named.starts_with("utf-16") || named.starts_with("utf-32") ||
                       named.starts_with("ucs-") || named.starts_with("iso-10646");
  return is_wide ? named : std::string();
}

}  // namespace shadowtap::results
