// The parts of a service that can change at run time, as trees: what the overlay compares.
#pragma once

#include <optional>
#include <string>

#include "agent/config/config.h"
#include "agent/config/node.h"

namespace shadowtap::config {

// "candidate", "secondary", "mirror:NAME".
std::string section_of(shadow::Role role, const std::string& name);

// The section as it stands, secrets shown; nullopt: there is no such target.
std::optional<Node> read_section(const ServiceConfig& service, const std::string& section);
// The same of the service of that name; nullopt too where there is none.
std::optional<Node> read_section(const Config& config, const std::string& service,
                                 const std::string& section);

// Makes the section what the tree says. Returns "" or what is wrong with the tree; the
// service is then unchanged.
std::string write_section(ServiceConfig& service, const std::string& section, const Node& tree);

// Adds or replaces the target of that role (and, of mirrors, name).
void put_section(ServiceConfig& service, const shadow::TargetOptions& target);
void remove_section(ServiceConfig& service, const std::string& section);  // targets only

}  // namespace shadowtap::config
