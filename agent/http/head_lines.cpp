#include "agent/http/head_lines.h"

namespace shadowtap::http {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

}  // namespace

std::size_t HeadLines::before_bare_lf(std::string_view bytes) {
  folded_ = folded_ || (after_lf_ && is_blank(bytes.front()));
  std::size_t line = 0;
  for (std::size_t at = bytes.find('\n'); at != std::string_view::npos; at = bytes.find('\n', line)) {
    if (at == 0 ? !after_cr_ : bytes[at - 1] != '\r') return at;
    if (at - line + line_bytes_ <= 1) break;  // an empty line: the head ends
    line_bytes_ = 0;
    line = at + 1;
    folded_ = folded_ || (line < bytes.size() && is_blank(bytes[line]));
  }
  return bytes.size();
}

void HeadLines::add(std::string_view bytes) {
  after_cr_ = bytes.back() == '\r';
  after_lf_ = bytes.back() == '\n';
  const std::size_t last = bytes.rfind('\n');
  line_bytes_ = last == std::string_view::npos ? line_bytes_ + bytes.size() : bytes.size() - last - 1;
}

}  // namespace shadowtap::http
