#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "agent/base/text.h"
#include "agent/http/decode.h"

namespace shadowtap::http {
namespace {

// The label as sent, and what iconv calls it. Latin-1 and ASCII are read as windows-1252,
// as every browser does (WHATWG Encoding, section 4.2).
constexpr std::array<std::pair<std::string_view, const char*>, 40> kCharsets{{
    {"utf-8", "UTF-8"},           {"utf8", "UTF-8"},
    {"us-ascii", "CP1252"},       {"ascii", "CP1252"},
    {"iso-8859-1", "CP1252"},     {"latin1", "CP1252"},
    {"iso-8859-2", "ISO-8859-2"}, {"iso-8859-3", "ISO-8859-3"},
    {"iso-8859-4", "ISO-8859-4"}, {"iso-8859-5", "ISO-8859-5"},
    {"iso-8859-6", "ISO-8859-6"}, {"iso-8859-7", "ISO-8859-7"},
    {"iso-8859-8", "ISO-8859-8"}, {"iso-8859-9", "CP1254"},
    {"iso-8859-10", "ISO-8859-10"}, {"iso-8859-13", "ISO-8859-13"},
    {"iso-8859-14", "ISO-8859-14"}, {"iso-8859-15", "ISO-8859-15"},
    {"iso-8859-16", "ISO-8859-16"}, {"windows-1250", "CP1250"},
    {"windows-1251", "CP1251"},   {"windows-1252", "CP1252"},
    {"windows-1253", "CP1253"},   {"windows-1254", "CP1254"},
    {"windows-1255", "CP1255"},   {"windows-1256", "CP1256"},
    {"windows-1257", "CP1257"},   {"windows-1258", "CP1258"},
    {"koi8-r", "KOI8-R"},         {"koi8-u", "KOI8-U"},
    {"gb2312", "GB18030"},        {"gbk", "GB18030"},
    {"gb18030", "GB18030"},       {"big5", "BIG5"},
    {"euc-jp", "EUC-JP"},         {"shift_jis", "CP932"},
    {"euc-kr", "CP949"},          {"utf-16", "UTF-16"},
    {"utf-16le", "UTF-16LE"},     {"utf-16be", "UTF-16BE"},
}};

class Converter {
 public:
  explicit Converter(const char* from) : handle_(iconv_open("UTF-8", from)) {}
  ~Converter() {
    if (ok()) iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  bool ok() const { return handle_ != reinterpret_cast<iconv_t>(-1); }

  // False: a byte sequence that the charset does not have.
  bool convert(std::string_view bytes, std::string& out) {
    char* in = const_cast<char*>(bytes.data());  // iconv does not write to it
    std::size_t left = bytes.size();
    while (left > 0) {
      std::array<char, 4096> block;
      char* to = block.data();
      std::size_t room = block.size();
      const std::size_t result = iconv(handle_, &in, &left, &to, &room);
      out.append(block.data(), block.size() - room);
      if (result == static_cast<std::size_t>(-1) && errno != E2BIG) return false;
    }
    return true;
  }

 private:
  iconv_t handle_;
};

std::string_view trim(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string charset_of(std::string_view content_type) {
  std::size_t semicolon = content_type.find(';');
  while (semicolon != std::string_view::npos) {
    content_type.remove_prefix(semicolon + 1);
    semicolon = content_type.find(';');
    const std::string_view parameter = content_type.substr(0, semicolon);
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    if (!equal_ignoring_case(trim(parameter.substr(0, equals)), "charset")) continue;
    std::string_view value = trim(parameter.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    return to_lower(value);
  }
  return {};
}

std::optional<std::string> to_utf8(std::string_view charset, std::string_view bytes) {
  const char* from = charset.empty() ? "UTF-8" : nullptr;
  for (const auto& [label, name] : kCharsets) {
    if (equal_ignoring_case(label, charset)) from = name;
  }
  if (from == nullptr) return std::nullopt;
  Converter converter(from);
  std::string out;
  if (!converter.ok() || !converter.convert(bytes, out)) return std::nullopt;
  if (out.compare(0, 3, "\xef\xbb\xbf") == 0) out.erase(0, 3);
  return out;
}

}  // namespace shadowtap::http
