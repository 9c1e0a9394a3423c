#include "agent/config/config.h"

#include <algorithm>

#include "agent/config/describe.h"
#include "agent/config/printer.h"
#include "agent/config/reader.h"
#include "agent/config/validate.h"

namespace shadowtap::config {
namespace {

Result<Config> config_of(const Result<Node>& root, const std::string& name) {
  if (!root) return root.error();
  Complaints complaints{name, {}};
  Config config;
  Reader::read(*root, complaints, [&config](Fields& f) { describe(f, config); });
  if (complaints.all.empty()) validate(config, *root, complaints);
  if (!complaints.all.empty()) return plain_error(complaints.joined());
  return config;
}

}  // namespace

std::vector<shadow::TargetOptions> ServiceConfig::targets() const {
  std::vector<shadow::TargetOptions> all;
  if (candidate) all.push_back(*candidate);
  if (secondary) all.push_back(*secondary);
  all.insert(all.end(), mirrors.begin(), mirrors.end());
  return all;
}

std::string ServiceConfig::epoch() const {
  const std::string url = candidate ? candidate->url : "";
  return release.empty() ? url : url + " " + release;
}

const ServiceConfig* Config::service(const std::string& name) const {
  const auto found = std::find_if(services.begin(), services.end(),
                                  [&name](const ServiceConfig& s) { return s.name == name; });
  return found == services.end() ? nullptr : &*found;
}

Result<Config> load_config(const std::string& path) {
  return config_of(read_yaml_file(path), path);
}

Result<Config> parse_config(const std::string& text, const std::string& name) {
  return config_of(read_yaml(text, name), name);
}

std::string print_config(const Config& config) {
  return print_yaml(to_node<Config>(config, Secrets::kHidden, describe));
}

capture::InterfaceChoice interface_choice(std::string_view text) {
  using Kind = capture::InterfaceChoice::Kind;
  const std::size_t colon = text.rfind(':');
  const std::string_view kind = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  return {std::string(text.substr(0, colon)),
          kind == "leaf" ? Kind::kLeaf : kind == "host" ? Kind::kHost : Kind::kFound};
}

std::string print_interface(const capture::InterfaceChoice& choice) {
  switch (choice.kind) {
    case capture::InterfaceChoice::Kind::kLeaf: return choice.name + ":leaf";
    case capture::InterfaceChoice::Kind::kHost: return choice.name + ":host";
    case capture::InterfaceChoice::Kind::kFound: break;
  }
  return choice.name;
}

}  // namespace shadowtap::config
