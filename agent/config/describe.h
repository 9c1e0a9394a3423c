// The keys of the configuration file, one function a struct: what is read, printed and known.
#pragma once

#include "agent/config/config.h"
#include "agent/config/fields.h"

namespace shadowtap::config {

void describe(Fields& f, Config& config);
void describe(Fields& f, ServiceConfig& service);
void describe(Fields& f, shadow::TargetOptions& target);
void describe(Fields& f, shadow::SelectOptions& select);
void describe(Fields& f, shadow::DispatchOptions& dispatch);  // but for `middleware`
void describe(Fields& f, diff::Rules& rules);

// "" or which rule cannot be used, and why.
std::string compile_error(const diff::Rules& rules);

// "eth0", "veth1:leaf", "eth0:host"; requires check_interface() to be happy.
capture::InterfaceChoice interface_choice(std::string_view text);
std::string print_interface(const capture::InterfaceChoice& choice);

}  // namespace shadowtap::config
