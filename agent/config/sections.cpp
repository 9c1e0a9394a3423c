#include "agent/config/sections.h"

#include <algorithm>

#include "agent/config/describe.h"
#include "agent/config/printer.h"
#include "agent/config/reader.h"

namespace shadowtap::config {
namespace {

constexpr std::string_view kMirror = "mirror:";

std::optional<shadow::TargetOptions>* single_target(ServiceConfig& service,
                                                    const std::string& section) {
  if (section == "candidate") return &service.candidate;
  if (section == "secondary") return &service.secondary;
  return nullptr;
}

auto find_mirror(ServiceConfig& service, const std::string& section) {
  const std::string name = section.substr(std::min(section.size(), kMirror.size()));
  return std::find_if(service.mirrors.begin(), service.mirrors.end(),
                      [&name](const shadow::TargetOptions& m) { return m.name == name; });
}

template <class T>
std::string read_into(T& out, const Node& tree) {
  Complaints complaints{"overlay", {}};
  T fresh;
  Reader::read(tree, complaints, [&fresh](Fields& f) { describe(f, fresh); });
  if (complaints.all.empty()) out = std::move(fresh);
  return complaints.joined();
}

// What the section does not hold stays.
std::string read_sending(shadow::DispatchOptions& out, const Node& tree) {
  shadow::DispatchOptions fresh;
  std::string wrong = read_into(fresh, tree);
  if (!wrong.empty()) return wrong;
  fresh.middleware = out.middleware;
  fresh.middleware_timeout = out.middleware_timeout;
  fresh.mark = out.mark;
  out = std::move(fresh);
  return {};
}

shadow::Role role_of(const std::string& section) {
  return section == "candidate"   ? shadow::Role::kCandidate
         : section == "secondary" ? shadow::Role::kSecondary
                                  : shadow::Role::kMirror;
}

void put_target(ServiceConfig& service, const std::string& section,
                shadow::TargetOptions target) {
  target.role = role_of(section);
  target.name = section;
  if (auto* single = single_target(service, section)) {
    *single = std::move(target);
    return;
  }
  target.name = section.substr(kMirror.size());
  const auto found = find_mirror(service, section);
  if (found != service.mirrors.end()) {
    *found = std::move(target);
  } else {
    service.mirrors.push_back(std::move(target));
  }
}

}  // namespace

std::string section_of(shadow::Role role, const std::string& name) {
  switch (role) {
    case shadow::Role::kCandidate: return "candidate";
    case shadow::Role::kSecondary: return "secondary";
    case shadow::Role::kMirror: break;
  }
  return std::string(kMirror) + name;
}

std::optional<Node> read_section(const ServiceConfig& from, const std::string& section) {
  ServiceConfig service = from;
  const auto print_target = [](const shadow::TargetOptions& target) {
    return to_node<shadow::TargetOptions>(target, Secrets::kShown, describe);
  };
  if (section == "select") return to_node(service.select, Secrets::kShown, describe);
  if (section == "sending") return to_node(service.dispatch, Secrets::kShown, describe);
  if (section == "compare") return to_node(service.compare, Secrets::kShown, describe);
  if (auto* single = single_target(service, section)) {
    if (!*single) return std::nullopt;
    return print_target(**single);
  }
  const auto mirror = find_mirror(service, section);
  if (mirror == service.mirrors.end()) return std::nullopt;
  return print_target(*mirror);
}

std::optional<Node> read_section(const Config& config, const std::string& service,
                                 const std::string& section) {
  const ServiceConfig* found = config.service(service);
  return found ? read_section(*found, section) : std::nullopt;
}

std::string write_section(ServiceConfig& service, const std::string& section, const Node& tree) {
  if (section == "select") return read_into(service.select, tree);
  if (section == "sending") return read_sending(service.dispatch, tree);
  if (section == "compare") return read_into(service.compare, tree);
  if (!single_target(service, section) && !section.starts_with(kMirror)) {
    return "no section '" + section + "'";
  }
  shadow::TargetOptions target;
  std::string wrong = read_into(target, tree);
  if (wrong.empty()) put_target(service, section, std::move(target));
  return wrong;
}

void put_section(ServiceConfig& service, const shadow::TargetOptions& target) {
  put_target(service, section_of(target.role, target.name), target);
}

void remove_section(ServiceConfig& service, const std::string& section) {
  if (auto* single = single_target(service, section)) {
    single->reset();
    return;
  }
  const auto mirror = find_mirror(service, section);
  if (mirror != service.mirrors.end()) service.mirrors.erase(mirror);
}

}  // namespace shadowtap::config
