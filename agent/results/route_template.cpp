#include "agent/results/route_template.h"

#include <algorithm>

#include "agent/base/ascii.h"

namespace shadowtap::results {
namespace {

constexpr std::size_t kMinHex = 8;
constexpr std::size_t kMinToken = 20;  // ULID has 26, KSUID 27, a Mongo id 24 (hex)

bool all(std::string_view text, bool (*is)(char)) { return std::all_of(text.begin(), text.end(), is); }
bool any(std::string_view text, bool (*is)(char)) { return std::any_of(text.begin(), text.end(), is); }

// 2024-05-01, 2024-05, 2024-05-01T10:00:00Z (also percent-encoded colons).
bool is_date(std::string_view s) {
  if (s.size() < 7 || !all(s.substr(0, 4), is_digit) || s[4] != '-') return false;
  if (!all(s.substr(5, 2), is_digit)) return false;
  if (s.size() == 7) return true;
  if (s.size() < 10 || s[7] != '-' || !all(s.substr(8, 2), is_digit)) return false;
  return s.size() == 10 || s[10] == 'T' || s[10] == 't';
}

bool is_token(std::string_view s) {
  if (s.size() < kMinToken) return false;
  const auto token = [](char c) { return is_digit(c) || is_letter(c) || c == '_' || c == '-' || c == '='; };
  const auto digits = static_cast<std::size_t>(std::count_if(s.begin(), s.end(), is_digit));
  return all(s, token) && any(s, is_letter) && digits * 8 >= s.size();
}

bool is_id(std::string_view s) {
  if (s.empty()) return false;
  const std::string_view digits = s.front() == '-' ? s.substr(1) : s;
  if (!digits.empty() && all(digits, is_digit)) return true;
  if (is_uuid(s) || is_token(s)) return true;
  if (s.size() >= kMinHex && all(s, is_hex) && any(s, is_digit)) return true;
  return s.find('@') != std::string_view::npos || s.find("%40") != std::string_view::npos;
}

}  // namespace

std::string_view path_of_target(std::string_view target) {
  if (!target.empty() && target.front() != '/') {
    const std::size_t scheme = target.find("://");
    if (scheme != std::string_view::npos) {
      const std::size_t slash = target.find('/', scheme + 3);
      target = slash == std::string_view::npos ? "/" : target.substr(slash);
    }
  }
  return target.substr(0, target.find_first_of("?#"));
}

std::vector<std::string_view> split_path(std::string_view path, std::size_t max) {
  std::vector<std::string_view> segments;
  if (path.empty() || path.front() != '/') return {path};
  path.remove_prefix(1);
  while (segments.size() + 1 < max) {
    const std::size_t slash = path.find('/');
    if (slash == std::string_view::npos) break;
    segments.push_back(path.substr(0, slash));
    path.remove_prefix(slash + 1);
  }
  segments.push_back(path);
  return segments;
}

std::string value_template(std::string_view segment) {
  if (is_date(segment)) return "{date}";
  if (is_id(segment)) return "{id}";
  const std::size_t dot = segment.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || segment.size() - dot > 6) return {};
  const std::string_view extension = segment.substr(dot);
  if (!any(extension, is_letter) || !is_id(segment.substr(0, dot))) return {};
  return "{id}" + std::string(extension);
}

}  // namespace shadowtap::results
