#include "agent/shadow/path_forms.h"

#include <algorithm>
#include <vector>

namespace shadowtap::shadow {
namespace {

constexpr int kMaxDecodings = 3;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decoded_once(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = i + 2 < text.size() && text[i] == '%' ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

// RFC 3986 section 5.2.4 over segments; "..;x" is a step up for servers that take path
// parameters off first.
std::string tidied(std::string_view path) {
  std::vector<std::string_view> segments;
  bool directory = false;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto end = std::min(path.find_first_of("/\\"), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    const std::string_view name = segment.substr(0, segment.find(';'));
    directory = name.empty() || name == "." || name == "..";
    if (!directory) segments.push_back(segment);
    if (name == ".." && !segments.empty()) segments.pop_back();
  }
  std::string out;
  for (const std::string_view segment : segments) out.append("/").append(segment);
  if (directory || out.empty()) out.push_back('/');
  return out;
}

std::string without_parameters(std::string_view path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    inside = c != '/' && (inside || c == ';');
    if (!inside) out.push_back(c);
  }
  return out;
}

// Whether tidying or decoding could change anything: seldom true, and cheap to know.
bool is_plain(std::string_view path) {
  char before = 0;
  for (const char c : path) {
    if (c == '%' || c == '\\' || c == ';' || c == '#') return false;
    if (before == '/' && (c == '/' || c == '.')) return false;
    before = c;
  }
  return true;
}

}  // namespace

std::string_view without_origin(std::string_view target) {
  const auto scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const auto slash = target.find_first_of("/?", scheme + 3);
  return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
}

std::string_view authority_of(std::string_view target) {
  const auto scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return {};
  const std::string_view rest = target.substr(scheme + 3);
  return rest.substr(0, rest.find_first_of("/?"));
}

std::string_view path_of(std::string_view target) {
  const std::string_view local = without_origin(target);
  return local.substr(0, local.find('?'));
}

std::string percent_decoded(std::string_view text) {
  std::string out(text);
  for (int i = 0; i < kMaxDecodings && out.find('%') != std::string::npos; ++i) {
    out = decoded_once(out);
  }
  return out;
}

PathForms::PathForms(std::string_view target) : raw_(path_of(target)), plain_(is_plain(raw_)) {
  if (plain_) return;
  decoded_ = percent_decoded(raw_);
  tidy_ = decoded_.starts_with('/') ? tidied(decoded_) : decoded_;
  detour_ = tidy_ != decoded_;
  bare_ = without_parameters(tidy_);
}

}  // namespace shadowtap::shadow
