#include "agent/config/changes.h"

#include <algorithm>
#include <set>

#include "agent/config/describe.h"
#include "agent/config/printer.h"
#include "agent/config/sections.h"

namespace shadowtap::config {
namespace {

std::set<std::string> sections_of(const ServiceConfig& service) {
  std::set<std::string> all{"select", "sending", "compare"};
  for (const shadow::TargetOptions& target : service.targets()) {
    all.insert(section_of(target.role, target.name));
  }
  return all;
}

// Calls `say` with the dotted name of every key at which the maps differ. Services are
// told apart by name; other lists are one value.
template <class Say>
void compare_trees(const Node& a, const Node& b, const std::string& prefix, const Say& say) {
  std::set<std::string> keys;
  for (const Node* node : {&a, &b}) {
    for (const Entry& entry : node->entries) keys.insert(entry.key);
  }
  for (const std::string& key : keys) {
    const Node* left = a.find(key);
    const Node* right = b.find(key);
    if (left && right && *left == *right) continue;
    const std::string name = prefix + key;
    const bool maps = left && right && left->kind == Node::Kind::kMap;
    if (maps) {
      compare_trees(*left, *right, name + ".", say);
    } else {
      say(name);
    }
  }
}

// With services as a map by name.
Node comparable(const Config& config) {
  Node root = to_node(config, Secrets::kShown, describe);
  std::erase_if(root.entries, [](const Entry& entry) { return entry.key == "services"; });
  Node& services = root.add("services");
  services = empty_map();
  for (const ServiceConfig& service : config.services) {
    services.add(service.name) = to_node(service, Secrets::kShown, describe);
  }
  return root;
}

// `running` with that of `possible` which LiveConfig puts into effect while the agent runs.
Config with_live_parts(Config running, const Config& possible) {
  running.limits = possible.limits;
  for (ServiceConfig& ours : running.services) {
    const ServiceConfig* theirs = possible.service(ours.name);
    if (!theirs) continue;
    ours.candidate = theirs->candidate;
    ours.secondary = theirs->secondary;
    ours.mirrors = theirs->mirrors;
    ours.select = theirs->select;
    ours.compare = theirs->compare;
    ours.release = theirs->release;
    ours.dispatch = theirs->dispatch;
  }
  return running;
}

}  // namespace

std::vector<ChangedSection> changed_sections(const Config& from, const Config& to) {
  std::vector<ChangedSection> all;
  for (const ServiceConfig& before : from.services) {
    const ServiceConfig* after = to.service(before.name);
    if (!after) continue;
    std::set<std::string> sections = sections_of(before);
    sections.merge(sections_of(*after));
    for (const std::string& section : sections) {
      if (read_section(before, section) == read_section(*after, section)) continue;
      all.push_back({before.name, section});
    }
  }
  return all;
}

std::vector<std::string> needs_restart(const Config& running, const Config& wanted,
                                       const Config& possible) {
  std::vector<std::string> keys;
  compare_trees(comparable(with_live_parts(running, possible)), comparable(wanted), "",
                [&keys](const std::string& key) { keys.push_back(key); });
  return keys;
}

namespace {

// The same services with nothing said of them.
Config unsaid(const Config& config) {
  Config bare;
  for (const ServiceConfig& service : config.services) bare.services.emplace_back().name = service.name;
  return bare;
}

bool is_within(const std::string& key, const std::string& whole) {
  return key == whole || (key.starts_with(whole) && key[whole.size()] == '.');
}

// The later word of the same key, or of the whole it is a part of.
void say(std::vector<Source>& all, const std::string& key, const char* source) {
  std::erase_if(all, [&key](const Source& known) { return is_within(known.key, key); });
  all.push_back({key, source});
}

// Within its service; the keys of `sending` are the service's own.
std::string place_of(const Change& change) {
  const bool own = change.section == "select" || change.section == "compare";
  std::string place;
  if (change.section != "sending") place = (own ? "." : ".targets.") + change.section;
  return change.key.empty() ? place : place + "." + change.key;
}

}  // namespace

std::vector<Source> sources(const Config& file, const Config& file_and_flags,
                            const Overlay& overlay) {
  std::vector<Source> all;
  compare_trees(comparable(unsaid(file)), comparable(file), "",
                [&all](const std::string& key) { all.push_back({key, "file"}); });
  compare_trees(comparable(file), comparable(file_and_flags), "",
                [&all](const std::string& key) { say(all, key, "flag"); });
  for (const Change& change : overlay.changes()) {
    say(all, "services." + change.service + place_of(change), "runtime");
  }
  return all;
}

}  // namespace shadowtap::config
