#include "agent/narration.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "agent/base/text.h"

namespace shadowtap {
namespace {

std::string methods(const shadow::SelectOptions& select) {
  if (select.allow_side_effects) return "every method";
  std::string text = fmt::format("{}", fmt::join(select.methods, " "));
  if (!select.side_effects.empty()) text += " and the methods its side-effect rules name";
  return text;
}

std::string share(const shadow::SelectOptions& select) {
  if (select.ramp) {
    return fmt::format("{:g} % rising to {:g} % of requests over {}", select.ramp->from,
                       select.ramp->to, format_duration(select.ramp->over));
  }
  return fmt::format("{:g} % of requests", select.sample);
}

std::string rate(const shadow::SelectOptions& select, const shadow::GlobalLimits& limits) {
  std::string text;
  if (select.rate > 0) text += fmt::format(", at most {:g}/s", select.rate);
  if (limits.rate > 0) text += fmt::format(", {:g}/s over all targets", limits.rate);
  return text;
}

bool removes(const shadow::TargetOptions& target, std::string_view name) {
  return std::any_of(target.remove_headers.begin(), target.remove_headers.end(),
                     [name](const std::string& removed) { return equal_ignoring_case(removed, name); });
}

std::string credentials(const std::vector<shadow::TargetOptions>& targets) {
  std::vector<std::string> forwarded;
  for (const char* name : {"Authorization", "Cookie", "Proxy-Authorization"}) {
    const bool kept = std::any_of(targets.begin(), targets.end(),
                                  [name](const auto& target) { return !removes(target, name); });
    if (kept) forwarded.emplace_back(name);
  }
  if (forwarded.empty()) return "forwards no credentials";
  return fmt::format("forwards {} as captured", fmt::join(forwarded, ", "));
}

}  // namespace

std::string what_is_sent(const config::ServiceConfig& service, const shadow::GlobalLimits& limits) {
  const std::string head = fmt::format("{}: port {}", service.name, fmt::join(service.ports, ", "));
  const auto targets = service.targets();
  if (targets.empty()) return head + "; no target: observes only, nothing leaves this host";
  std::vector<std::string> names;
  for (const shadow::TargetOptions& target : targets) {
    names.push_back(fmt::format("{} {}{}", shadow::to_string(target.role), target.url,
                                target.tls.insecure ? " (certificate NOT verified)" : ""));
  }
  const bool one_shard = service.dispatch.order == shadow::Order::kHappensBefore;
  return fmt::format("{}; sends {}, {}{}, to {}; {}{}", head, methods(service.select),
                     share(service.select), rate(service.select, limits), fmt::join(names, ", "),
                     credentials(targets), one_shard ? "; order happens-before, in one shard" : "");
}

std::string what_is_watched(const std::vector<std::string>& interfaces, bool followed) {
  constexpr std::size_t kMostNamed = 8;
  const auto named = static_cast<long>(std::min(interfaces.size(), kMostNamed));
  std::string text = fmt::format("watching {}", fmt::join(interfaces.begin(), interfaces.begin() + named, ", "));
  if (interfaces.size() > kMostNamed) text += fmt::format(" and {} more", interfaces.size() - kMostNamed);
  return followed ? text + ", and what comes later" : text;
}

}  // namespace shadowtap
