#include "agent/rule_expiry.h"

#include <time.h>

#include <algorithm>
#include <string>

namespace shadowtap {
namespace {

// Seconds east of UTC: "Z", "+01:00", "-05:30".
std::optional<long> parse_zone(std::string_view zone) {
  if (zone == "Z" || zone == "z") return 0;
  if (zone.size() != 6 || zone[3] != ':' || (zone[0] != '+' && zone[0] != '-')) return std::nullopt;
  for (const std::size_t digit : {1u, 2u, 4u, 5u}) {
    if (zone[digit] < '0' || zone[digit] > '9') return std::nullopt;
  }
  const long hours = (zone[1] - '0') * 10 + (zone[2] - '0');
  const long minutes = (zone[4] - '0') * 10 + (zone[5] - '0');
  return (zone[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

template <class Rule>
void drop_expired(std::vector<Rule>& rules, WallTime now) {
  std::erase_if(rules, [now](const Rule& rule) {
    const auto end = parse_time(rule.expires);
    return end && *end <= now;
  });
}

template <class Rule>
void earliest(const std::vector<Rule>& rules, WallTime now, std::optional<WallTime>& first) {
  for (const Rule& rule : rules) {
    const auto end = parse_time(rule.expires);
    if (end && *end > now && (!first || *end < *first)) first = end;
  }
}

}  // namespace

std::optional<WallTime> parse_time(std::string_view text) {
  const std::string copy(text);
  tm parts{};
  const char* rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  std::string_view zone(rest);
  if (zone.starts_with('.')) {
    zone.remove_prefix(std::min(zone.find_first_not_of("0123456789", 1), zone.size()));
  }
  const auto offset = parse_zone(zone);
  if (!offset) return std::nullopt;
  return WallTime(std::chrono::seconds(::timegm(&parts) - *offset));
}

diff::Rules in_force(diff::Rules rules, WallTime now) {
  drop_expired(rules.ignore, now);
  drop_expired(rules.unordered, now);
  drop_expired(rules.tolerance, now);
  drop_expired(rules.pattern, now);
  return rules;
}

std::optional<WallTime> next_expiry(const diff::Rules& rules, WallTime now) {
  std::optional<WallTime> first;
  earliest(rules.ignore, now, first);
  earliest(rules.unordered, now, first);
  earliest(rules.tolerance, now, first);
  earliest(rules.pattern, now, first);
  return first;
}

}  // namespace shadowtap
