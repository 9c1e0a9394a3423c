#include "agent/config/effective.h"

#include <algorithm>

#include "agent/base/text.h"
#include "agent/config/checks.h"
#include "agent/config/describe.h"
#include "agent/config/own_address.h"
#include "agent/config/validate.h"

namespace shadowtap::config {
namespace {

constexpr const char* kDefaultName = "default";

// Whether any flag is about one service rather than about the agent.
bool names_service(const RunCommand& c) {
  return !c.service.empty() || !c.ports.empty() || !c.candidate.empty() || !c.secondary.empty() ||
         !c.mirrors.empty() || !c.interfaces.empty() || c.guard || !c.allow.empty() ||
         !c.deny.empty() || !c.set_headers.empty() || !c.ignore.empty() || c.timeout ||
         c.sample || !c.methods.empty() || c.allow_side_effects;
}

// The service that the flags are about; a new one where nothing else could be meant.
Result<ServiceConfig*> flagged_service(Config& config, const RunCommand& c) {
  for (ServiceConfig& service : config.services) {
    if (service.name == c.service || (c.service.empty() && config.services.size() == 1)) {
      return &service;
    }
  }
  if (config.services.size() > 1 && c.service.empty()) {
    return plain_error("--service: say which of the file's services the flags are about");
  }
  if (c.ports.empty()) {
    if (config.services.empty()) return plain_error("--port: needs the port of a service");
    std::string names;
    for (const ServiceConfig& service : config.services) names += " " + service.name;
    return plain_error("--service: no service '" + c.service + "' in the file; there are" + names);
  }
  if (const std::string wrong = c.service.empty() ? "" : check_service_name(c.service);
      !wrong.empty()) {
    return plain_error("--service: " + wrong);
  }
  config.services.emplace_back().name = c.service.empty() ? kDefaultName : c.service;
  return &config.services.back();
}

const char* shadow_name(shadow::Role role) {
  return role == shadow::Role::kCandidate ? "candidate" : "secondary";
}

void set_url(std::optional<shadow::TargetOptions>& target, shadow::Role role,
             const std::string& url) {
  if (url.empty()) return;
  if (!target) target.emplace().role = role;
  target->name = shadow_name(role);
  target->url = url;
}

void apply_targets(ServiceConfig& service, const RunCommand& c) {
  set_url(service.candidate, shadow::Role::kCandidate, c.candidate);
  set_url(service.secondary, shadow::Role::kSecondary, c.secondary);
  if (!c.mirrors.empty()) service.mirrors.clear();
  for (const std::string& url : c.mirrors) {
    shadow::TargetOptions& mirror = service.mirrors.emplace_back();
    mirror.role = shadow::Role::kMirror;
    mirror.url = url;
    mirror.name = "mirror-" + std::to_string(service.mirrors.size());
  }
}

void set_header(shadow::TargetOptions& target, const std::string& header) {
  const std::size_t colon = header.find(':');
  const std::string name = header.substr(0, colon);
  const std::size_t value = header.find_first_not_of(" \t", colon + 1);
  std::erase_if(target.set_headers, [&name](const shadow::NameValue& one) {
    return equal_ignoring_case(one.name, name);
  });
  target.set_headers.push_back({name, value == std::string::npos ? "" : header.substr(value)});
}

void apply_to_target(shadow::TargetOptions& target, const RunCommand& c) {
  for (const std::string& header : c.set_headers) set_header(target, header);
  if (!c.timeout) return;
  target.timeout = *c.timeout;
  target.first_byte_timeout = *c.timeout;
  target.connect_timeout = std::min(target.connect_timeout, *c.timeout);
}

void apply_select(shadow::SelectOptions& select, const RunCommand& c) {
  if (!c.methods.empty()) select.methods = c.methods;
  if (c.allow_side_effects) select.allow_side_effects = true;
  if (c.sample) select.sample = *c.sample;
  if (!c.allow.empty()) select.allow = c.allow;
  select.deny.insert(select.deny.end(), c.deny.begin(), c.deny.end());
}

void apply_to_service(ServiceConfig& service, const RunCommand& c) {
  if (!c.ports.empty()) service.ports = c.ports;
  if (!c.interfaces.empty()) service.interfaces.clear();
  for (const std::string& text : c.interfaces) service.interfaces.push_back(interface_choice(text));
  apply_targets(service, c);
  if (service.candidate) apply_to_target(*service.candidate, c);
  if (service.secondary) apply_to_target(*service.secondary, c);
  for (shadow::TargetOptions& mirror : service.mirrors) apply_to_target(mirror, c);
  apply_select(service.select, c);
  if (c.guard) service.dispatch.guard = *c.guard;
  for (const std::string& path : c.ignore) service.compare.ignore.emplace_back().path = path;
}

void apply_to_agent(Config& config, const RunCommand& c) {
  if (!c.listen.empty()) config.api.listen = c.listen;
  if (!c.metrics_listen.empty()) config.api.metrics_listen = c.metrics_listen;
  if (!c.api_token_file.empty()) config.api.token_file = c.api_token_file;
  if (!c.data_dir.empty()) config.data_dir = c.data_dir;
  if (!c.netns.empty() || c.pid) config.capture.netns = namespace_of(c.netns, c.pid);
  if (c.rate) config.limits.rate = *c.rate;
  if (c.max_in_flight) config.limits.max_in_flight = *c.max_in_flight;
}

// Patterns and paths from flags are checked here, those of a file where they were read.
std::string first_wrong_pattern(const RunCommand& c) {
  for (const auto& [flag, patterns] : {std::pair{"--allow: ", &c.allow}, {"--deny: ", &c.deny}}) {
    for (const std::string& pattern : *patterns) {
      const std::string wrong = check_pattern(pattern);
      if (!wrong.empty()) return flag + wrong;
    }
  }
  return {};
}

}  // namespace

std::string namespace_of(const std::string& netns, std::optional<int> pid) {
  return pid ? "/proc/" + std::to_string(*pid) + "/ns/net" : netns;
}

Result<Config> apply_flags(Config config, const RunCommand& command) {
  if (const std::string wrong = first_wrong_pattern(command); !wrong.empty()) {
    return plain_error(wrong);
  }
  if (!command.netns.empty() && command.pid) return plain_error("--netns and --pid exclude each other");
  apply_to_agent(config, command);
  if (names_service(command) || config.services.empty()) {
    const Result<ServiceConfig*> service = flagged_service(config, command);
    if (!service) return service.error();
    apply_to_service(**service, command);
  }
  Complaints complaints{"command line", {}};
  validate(config, empty_map(), complaints);
  if (!complaints.all.empty()) return plain_error(complaints.joined());
  for (ServiceConfig& service : config.services) service.dispatch.mark = config.capture.mark;
  return config;
}

Result<Effective> read_effective(const RunCommand& command) {
  Effective said;
  if (!command.config_file.empty()) {
    Result<Config> loaded = load_config(command.config_file);
    if (!loaded) return loaded.error();
    said.file = std::move(*loaded);
  }
  Result<Config> config = apply_flags(said.file, command);
  if (!config) return config.error();
  const std::string wrong = command.from_file ? "" : own_target(*config, host_sockets());
  if (!wrong.empty()) return plain_error(wrong);
  said.config = std::move(*config);
  said.from_file = command.from_file;
  return said;
}

Result<Config> effective_config(const RunCommand& command) {
  Result<Effective> said = read_effective(command);
  if (!said) return said.error();
  return std::move(said->config);
}

namespace {

// A name is one of `ip netns`.
std::string netns_path(const std::string& netns) {
  return netns.empty() || netns.find('/') != std::string::npos ? netns : "/run/netns/" + netns;
}

}  // namespace

capture::TapOptions tap_options(const Config& config) {
  capture::TapOptions options;
  bool found_by_itself = false;
  for (const ServiceConfig& service : config.services) {
    options.services.push_back({service.name, service.ports});
    found_by_itself = found_by_itself || service.interfaces.empty();
    options.interfaces.insert(options.interfaces.end(), service.interfaces.begin(),
                              service.interfaces.end());
  }
  // One program serves all services: if one wants every interface, all are watched. What
  // was said of some of them holds all the same.
  if (found_by_itself) options.kinds.swap(options.interfaces);
  options.netns = netns_path(config.capture.netns);
  if (config.capture.shards != 0) options.shards = config.capture.shards;
  options.ring_bytes = config.capture.ring_bytes;
  options.mark = config.capture.mark;
  options.sample_connections = config.capture.sample_connections;
  options.force_clsact = config.capture.force_clsact;
  return options;
}

results::ResultsOptions results_options(const Config& config) {
  results::ResultsOptions options;
  for (const ServiceConfig& service : config.services) {
    results::ServiceOptions& one = options.services.emplace_back(service.results);
    one.name = service.name;
    one.epoch = service.epoch();
    one.noise.has_secondary = service.secondary.has_value();
  }
  options.store = config.store;
  options.store.data_dir = config.data_dir;
  options.redaction = config.redaction;
  return options;
}

}  // namespace shadowtap::config
