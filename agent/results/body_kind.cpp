#include "agent/results/body_kind.h"

#include "agent/http/decode.h"

namespace shadowtap::results {
namespace {

constexpr std::string_view kBeforeText = " \t\r\n\xef\xbb\xbf";  // blanks and a byte-order mark

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

bool is_markup(std::string_view type, std::string_view body) {
  const std::size_t start = body.find_first_not_of(kBeforeText);
  if (start == std::string_view::npos) return false;
  if (body[start] == '<') return true;
  const bool json = body[start] == '{' || body[start] == '[';
  const bool named = type.find("xml") != std::string_view::npos || type.find("html") != std::string_view::npos;
  return named && !json;
}

bool is_text(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (c == 0 || (c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f')) return false;
    std::size_t more = c < 0x80 ? 0 : c >> 5 == 6 ? 1 : c >> 4 == 14 ? 2 : c >> 3 == 30 ? 3 : SIZE_MAX;
    if (more == SIZE_MAX) return false;
    if (i + more >= bytes.size()) return i + 4 > bytes.size();  // cut inside a character
    for (++i; more > 0; --more, ++i) {
      if ((static_cast<unsigned char>(bytes[i]) & 0xc0) != 0x80) return false;
    }
  }
  return true;
}

bool is_media(std::string_view type, std::string_view body) {
  const bool named = type.starts_with("image/") || type.starts_with("audio/") ||
                     type.starts_with("video/") || type.starts_with("font/");
  const std::size_t start = body.find_first_not_of(kBeforeText);
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
