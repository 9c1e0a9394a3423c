#include "agent/config/expired_targets.h"

#include "agent/config/sections.h"

namespace shadowtap::config {

void ExpiredTargets::add(const std::string& service, const std::string& section, Node said) {
  all_.push_back({service, section, std::move(said)});
}

void ExpiredTargets::forget(const std::string& service, const std::string& section) {
  std::erase_if(all_, [&](const One& one) {
    return one.service == service && one.section == section;
  });
}

void ExpiredTargets::leave_out(Config& wanted, const Config& said) {
  std::erase_if(all_, [&said](const One& one) {
    const auto now = read_section(said, one.service, one.section);
    return !now || !(*now == one.said);
  });
  for (ServiceConfig& service : wanted.services) {
    for (const One& one : all_) {
      if (one.service == service.name) remove_section(service, one.section);
    }
  }
}

}  // namespace shadowtap::config
