#include "agent/edits/config_edits.h"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "agent/config/describe.h"
#include "agent/config/node.h"
#include "agent/config/printer.h"
#include "agent/config/sections.h"

namespace shadowtap::edits {
namespace {

constexpr std::string_view kMirror = "mirror:";

bool is_mirror(const std::string& section) { return section.starts_with(kMirror); }

std::string mirror_name(const std::string& section) { return section.substr(kMirror.size()); }

const shadow::TargetOptions* find_target(const config::ServiceConfig& service,
                                         const std::string& section) {
  if (section == "candidate") return service.candidate ? &*service.candidate : nullptr;
  if (section == "secondary") return service.secondary ? &*service.secondary : nullptr;
  if (!is_mirror(section)) return nullptr;
  const auto at = std::find_if(service.mirrors.begin(), service.mirrors.end(),
                               [name = mirror_name(section)](const auto& m) { return m.name == name; });
  return at == service.mirrors.end() ? nullptr : &*at;
}

const shadow::TargetOptions* find_target(const config::Config& config, const std::string& service,
                                         const std::string& section) {
  const config::ServiceConfig* found = config.service(service);
  return found ? find_target(*found, section) : nullptr;
}

// Where and how a target is reached that not everybody may reach, and what it is told that
// not everybody may read: key and value.
using Reach = std::pair<std::string, std::string>;

std::vector<Reach> reach_of(const shadow::TargetOptions& target) {
  std::vector<Reach> all;
  if (target.url.starts_with("unix:")) all.emplace_back("url (unix:)", target.url);
  for (const shadow::SecretHeader& header : target.secret_headers) {
    const bool file = !header.file.empty();
    all.emplace_back(file ? "headers.from_file" : "headers.from_environment",
                     header.name + ": " + (file ? header.file : header.environment));
  }
  const shadow::TlsOptions& tls = target.tls;
  if (!tls.ca_file.empty()) all.emplace_back("tls.ca_file", tls.ca_file);
  if (!tls.certificate_file.empty()) all.emplace_back("tls.certificate_file", tls.certificate_file);
  if (!tls.key_file.empty()) all.emplace_back("tls.key_file", tls.key_file);
  return all;
}

// Sent to another URL, the same secret would be somebody else's.
bool is_known(const Reach& reach, const shadow::TargetOptions& target,
              const shadow::TargetOptions* known) {
  if (known == nullptr || known->url != target.url) return false;
  const std::vector<Reach> all = reach_of(*known);
  return std::find(all.begin(), all.end(), reach) != all.end();
}

bool is_protected(const config::ApiOptions& api) {
  return !api.token_file.empty() || !api.unix_socket.empty() || api.listen.starts_with("unix:");
}

Error not_permitted(const std::set<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys) text += (text.empty() ? "" : ", ") + key;
  return {std::make_error_code(std::errc::operation_not_permitted),
          text + ": not over an API without a token, by which anybody on this host could have the "
                 "agent read its files or environment, or talk to its sockets: set api.token_file or "
                 "api.unix_socket, or write it to the configuration file (what is there already may "
                 "stay while the target's url does)"};
}

// A value read back from us: to write it would lose the secret it stands for.
bool holds_hidden(const config::Node& node) {
  if (node.kind == config::Node::Kind::kScalar && node.scalar == "***") return true;
  return std::any_of(node.items.begin(), node.items.end(), holds_hidden) ||
         std::any_of(node.entries.begin(), node.entries.end(),
                     [](const config::Entry& entry) { return holds_hidden(entry.value); });
}

// Complaints name a file; here it is the call's body.
std::string about_body(std::string text) {
  for (const std::string_view file : {"overlay:", "body:"}) {
    for (std::size_t at = 0; (at = text.find(file, at)) != std::string::npos;) {
      const bool starts_line = at == 0 || text[at - 1] == '\n';
      if (!starts_line) {
        ++at;
        continue;
      }
      text.replace(at, file.size(), "line ");
    }
  }
  return text;
}

Result<config::ServiceConfig> edited(const config::ServiceConfig& service,
                                     const std::string& section, const std::string& json) {
  const auto tree = config::read_yaml(json, "body");
  if (!tree) return plain_error(about_body(tree.error().message()));
  if (holds_hidden(*tree)) {
    return plain_error("*** stands for a value that is not shown: give the value, or leave it out");
  }
  config::ServiceConfig copy = service;
  const std::string wrong = config::write_section(copy, section, *tree);
  if (!wrong.empty()) return plain_error(about_body(wrong));
  return copy;
}

}  // namespace

std::optional<std::string> ConfigEdits::read(const std::string& service,
                                             const std::string& section) const {
  const config::ServiceConfig* found = config_.service(service);
  if (!found) return std::nullopt;
  using config::Secrets;
  if (section == "compare") {
    return config::print_json(config::to_node(found->compare, Secrets::kHidden, config::describe));
  }
  if (section == "select") {
    return config::print_json(config::to_node(found->select, Secrets::kHidden, config::describe));
  }
  if (section == "sending") {
    return config::print_json(config::to_node(found->dispatch, Secrets::kHidden, config::describe));
  }
  const shadow::TargetOptions* target = find_target(*found, section);
  if (!target) return std::nullopt;
  return config::print_json(config::to_node(*target, Secrets::kHidden, config::describe));
}

Result<> ConfigEdits::write(const std::string& service, const std::string& section,
                            const std::string& json) {
  const config::ServiceConfig* found = config_.service(service);
  if (!found) return plain_error("no such service: " + service);
  const auto copy = edited(*found, section, json);
  if (!copy) return copy.error();
  if (section == "compare") {
    if (const std::string wrong = config::compile_error(copy->compare); !wrong.empty()) {
      return plain_error(wrong);
    }
    return control_.put_rules(service, copy->compare);
  }
  if (section == "select") return control_.put_select(service, copy->select);
  if (section == "sending") return control_.put_dispatch(service, copy->dispatch);
  const shadow::TargetOptions* target = find_target(*copy, section);
  return target ? put_target(service, section, *target) : plain_error("no such section: " + section);
}

Result<> ConfigEdits::put_target(const std::string& service, const std::string& section,
                                 const shadow::TargetOptions& target) {
  std::set<std::string> refused;
  for (const Reach& reach : reach_of(target)) {
    const bool known = is_known(reach, target, find_target(config_, service, section)) ||
                       is_known(reach, target, find_target(said_, service, section));
    if (!known) refused.insert(reach.first);
  }
  if (!refused.empty() && !is_protected(config_.api)) return not_permitted(refused);
  return control_.put_target(service, target);
}

Result<> ConfigEdits::remove(const std::string& service, const std::string& section) {
  const auto role = section == "candidate"   ? shadow::Role::kCandidate
                    : section == "secondary" ? shadow::Role::kSecondary
                                             : shadow::Role::kMirror;
  return control_.remove_target(service, role,
                                role == shadow::Role::kMirror ? mirror_name(section) : section);
}

}  // namespace shadowtap::edits
