#include "diff/charset.h"

#include <array>

#include "diff/text.h"

namespace shadowtap::diff {
namespace {

// 0x80 to 0x9F of Windows-1252; 0: not assigned, taken as the control character.
constexpr std::array<std::uint16_t, 32> kWindows1252 = {
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0, 0x017D, 0, 0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
    0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178};

std::string from_one_byte(std::string_view bytes, bool windows) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 8);
  for (const char c : bytes) {
    std::uint32_t code = static_cast<unsigned char>(c);
    if (windows && code >= 0x80 && code < 0xA0 && kWindows1252[code - 0x80] != 0) {
      code = kWindows1252[code - 0x80];
    }
    append_utf8(out, code);
  }
  return out;
}

std::optional<std::string> from_utf16(std::string_view bytes, bool big_endian) {
  if (bytes.size() % 2 != 0) return std::nullopt;
  std::string out;
  const auto unit = [&](std::size_t i) -> std::uint32_t {
    const auto first = static_cast<unsigned char>(bytes[i]);
    const auto second = static_cast<unsigned char>(bytes[i + 1]);
    return static_cast<std::uint32_t>(big_endian ? first << 8 | second : second << 8 | first);
  };
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    std::uint32_t code = unit(i);
    if (code >= 0xD800 && code < 0xDC00 && i + 3 < bytes.size()) {
      const std::uint32_t low = unit(i + 2);
      if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        i += 2;
      }
    }
    append_utf8(out, code);
  }
  return out;
}

}  // namespace

std::optional<std::string> to_utf8(std::string_view bytes, std::string_view charset) {
  if (charset == "iso-8859-1" || charset == "latin1" || charset == "iso8859-1") {
    return from_one_byte(bytes, false);
  }
  if (charset == "windows-1252" || charset == "cp1252") return from_one_byte(bytes, true);
  if (charset == "utf-16le") return from_utf16(bytes, false);
  if (charset == "utf-16be") return from_utf16(bytes, true);
  if (charset != "utf-16") return std::nullopt;
  // RFC 2781: the mark says it, without one it is big-endian.
  if (bytes.starts_with("\xFF\xFE")) return from_utf16(bytes.substr(2), false);
  if (bytes.starts_with("\xFE\xFF")) bytes.remove_prefix(2);
  return from_utf16(bytes, true);
}

}  // namespace shadowtap::diff
