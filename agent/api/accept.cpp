#include "agent/api/accept.h"

#include "agent/base/text.h"

namespace shadowtap::api {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view trimmed_part(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view part = trimmed(rest.substr(0, end));
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return part;
}

// "q=0", "q=0.000": not that one.
bool is_refusal(std::string_view parameter) {
  const std::string_view name = trimmed_part(parameter, '=');
  if (!equal_ignoring_case(name, "q") || !parameter.starts_with('0')) return false;
  return parameter.find_first_not_of("0.") == std::string_view::npos;
}

// 3: that very type, 2: its family, 1: anything, 0: another.
int fit(std::string_view range, std::string_view type) {
  if (range == "*/*") return 1;
  const std::size_t slash = type.find('/');
  if (range.ends_with("/*")) {
    return equal_ignoring_case(range.substr(0, range.size() - 2), type.substr(0, slash)) ? 2 : 0;
  }
  return equal_ignoring_case(range, type) ? 3 : 0;
}

}  // namespace

bool accepts(std::string_view accept, std::string_view content_type) {
  if (accept.find_first_not_of(" \t,") == std::string_view::npos) return true;
  const std::string_view type = trimmed_part(content_type, ';');
  int best = 0;
  bool taken = false;
  while (!accept.empty()) {
    std::string_view parameters = trimmed_part(accept, ',');
    const int here = fit(trimmed_part(parameters, ';'), type);
    if (here == 0 || here < best) continue;
    bool refused = false;
    while (!parameters.empty()) refused |= is_refusal(trimmed_part(parameters, ';'));
    taken = here > best ? !refused : taken || !refused;
    best = here;
  }
  return taken;
}

}  // namespace shadowtap::api
