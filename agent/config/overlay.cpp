#include "agent/config/overlay.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "agent/base/unique_fd.h"
#include "agent/base/write_all.h"
#include "agent/config/describe.h"
#include "agent/config/printer.h"
#include "agent/config/reader.h"
#include "agent/config/sections.h"

namespace shadowtap::config {
namespace {

constexpr std::string_view kSchema = "1";

// FNV-1a: stable over versions of the compiler, unlike std::hash. "" of nothing.
std::string hash_of(const Node* node) {
  if (!node) return {};
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : print_json(*node)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return fmt::format("{:016x}", hash);
}

std::string name_of(const Change& change) {
  std::string name = "services." + change.service + "." + change.section;
  return change.key.empty() ? name : name + "." + change.key;
}

void describe_change(Fields& f, Change& change) {
  field(f, "service", change.service);
  field(f, "section", change.section);
  field(f, "key", change.key);
  field(f, "base", change.base);
  field(f, "time", change.time);
}

Node to_tree(const std::vector<Change>& changes) {
  Node root = empty_map();
  root.add("schema") = scalar_node(std::string(kSchema), false);
  Node list;
  list.kind = Node::Kind::kList;
  for (const Change& change : changes) {
    Node& item = list.items.emplace_back(to_node(change, Secrets::kShown, describe_change));
    item.add("value") = change.value;
  }
  root.add("changes") = std::move(list);
  return root;
}

Result<std::vector<Change>> from_tree(const Node& root, const std::string& path) {
  const Node* schema = root.find("schema");
  const Node* list = root.find("changes");
  if (!schema || schema->scalar != kSchema || !list) {
    return plain_error(path + ": is not an overlay of this version (schema " +
                       std::string(kSchema) + ")");
  }
  Complaints complaints{path, {}};
  std::vector<Change> changes;
  for (const Node& item : list->items) {
    Node fields = item;
    Change& change = changes.emplace_back();
    if (const Node* value = item.find("value")) change.value = *value;
    std::erase_if(fields.entries, [](const Entry& entry) { return entry.key == "value"; });
    Reader::read(fields, complaints, [&change](Fields& f) { describe_change(f, change); });
  }
  if (!complaints.all.empty()) return plain_error(complaints.joined());
  return changes;
}

// Written beside it, synced, renamed over it: a kill leaves the old or the new one.
Result<> write_file(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".new";
  UniqueFd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return errno_error("write " + temporary);
  if (auto written = write_all(file.get(), text, temporary); !written) return written;
  if (::fchmod(file.get(), 0600) != 0 || ::fsync(file.get()) != 0) {
    return errno_error("write " + temporary);
  }
  file.reset();
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return errno_error("write " + path);
  return {};
}

// One section of one service: the base's tree, and the changes of it put over that.
class Merge {
 public:
  Merge(ServiceConfig& service, std::string section)
      : service_(service), section_(std::move(section)), base_(read_section(service, section_)) {
    tree_ = base_ ? *base_ : empty_map();
  }

  // False: the base has changed since, so the change is the older one.
  bool take(const Change& change) {
    const Node* said = base_ ? &*base_ : nullptr;
    if (said && !change.key.empty()) said = said->find(change.key);
    if (hash_of(said) != change.base) return false;
    if (change.key.empty()) {
      removed_ = true;
      return true;
    }
    std::erase_if(tree_.entries, [&](const Entry& entry) { return entry.key == change.key; });
    if (change.value.kind != Node::Kind::kNull) tree_.add(change.key) = change.value;
    return true;
  }

  std::string finish() {
    if (!removed_) return write_section(service_, section_, tree_);
    remove_section(service_, section_);
    return {};
  }

 private:
  ServiceConfig& service_;
  std::string section_;
  std::optional<Node> base_;
  Node tree_;
  bool removed_ = false;
};

ServiceConfig* find_service(Config& config, const std::string& name) {
  return const_cast<ServiceConfig*>(config.service(name));
}

std::string printed(WallTime now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z",
                     fmt::gmtime(seconds.time_since_epoch().count()));
}

std::optional<WallTime> parse_printed(const std::string& time) {
  tm parts{};
  if (::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) == nullptr) return std::nullopt;
  return WallTime(std::chrono::seconds(::timegm(&parts)));
}

}  // namespace

Result<Overlay> Overlay::open(std::string path) {
  Overlay overlay;
  overlay.path_ = std::move(path);
  if (overlay.path_.empty() || !std::filesystem::exists(overlay.path_)) return overlay;
  const Result<Node> root = read_yaml_file(overlay.path_);
  if (!root) return root.error();
  Result<std::vector<Change>> changes = from_tree(*root, overlay.path_);
  if (!changes) return changes.error();
  overlay.changes_ = std::move(*changes);
  return overlay;
}

Config Overlay::apply(const Config& base, std::vector<std::string>& forgotten) {
  Config config = base;
  const auto same = [](const Change& a, const Change& b) {
    return a.service == b.service && a.section == b.section;
  };
  std::vector<Change> kept;
  for (auto begin = changes_.begin(); begin != changes_.end();) {
    const Change& first = *begin;
    const auto end = std::find_if_not(begin, changes_.end(),
                                      [&](const Change& c) { return same(c, first); });
    ServiceConfig* service = find_service(config, first.service);
    if (!service) {  // another file's, perhaps: kept, without effect
      kept.insert(kept.end(), begin, end);
      begin = end;
      continue;
    }
    Merge merge(*service, first.section);
    std::vector<Change> taken;
    for (auto change = begin; change != end; ++change) {
      if (merge.take(*change)) {
        taken.push_back(*change);
      } else {
        forgotten.push_back(name_of(*change) + ": the file or a flag changed it since");
      }
    }
    const std::string wrong = taken.empty() ? "" : merge.finish();
    if (wrong.empty()) {
      kept.insert(kept.end(), taken.begin(), taken.end());
    } else {
      forgotten.push_back("services." + first.service + "." + first.section + ": " + wrong);
    }
    begin = end;
  }
  const bool fewer = kept.size() != changes_.size();
  changes_ = std::move(kept);
  // Else an edit that is taken back would bring a forgotten change to life again.
  if (fewer) {
    if (const Result<> saved = save(); !saved) forgotten.push_back(saved.error().message());
  }
  return config;
}

std::optional<WallTime> Overlay::put_at(const std::string& service,
                                        const std::string& section) const {
  for (const Change& change : changes_) {
    if (change.service == service && change.section == section) return parse_printed(change.time);
  }
  return std::nullopt;
}

std::optional<WallTime> Overlay::put_at(const std::string& service, const std::string& section,
                                        const std::string& key) const {
  for (const Change& change : changes_) {
    const bool same = change.service == service && change.section == section && change.key == key;
    if (same) return parse_printed(change.time);
  }
  return std::nullopt;
}

Result<> Overlay::put_rules(const Config& base, const std::string& service,
                            const diff::Rules& rules, WallTime now) {
  return put(base, service, "compare", to_node(rules, Secrets::kShown, describe), now);
}

Result<> Overlay::put_select(const Config& base, const std::string& service,
                             const shadow::SelectOptions& select, WallTime now) {
  return put(base, service, "select", to_node(select, Secrets::kShown, describe), now);
}

Result<> Overlay::put_dispatch(const Config& base, const std::string& service,
                               const shadow::DispatchOptions& dispatch, WallTime now) {
  return put(base, service, "sending", to_node(dispatch, Secrets::kShown, describe), now);
}

Result<> Overlay::put_target(const Config& base, const std::string& service,
                             const shadow::TargetOptions& target, WallTime now) {
  return put(base, service, section_of(target.role, target.name),
             to_node(target, Secrets::kShown, describe), now);
}

Result<> Overlay::put(const Config& base, const std::string& service, const std::string& section,
                      const Node& wanted, WallTime now) {
  const ServiceConfig* known = base.service(service);
  if (!known) return plain_error("no service '" + service + "'");
  const std::optional<Node> said = read_section(*known, section);
  std::set<std::string> keys;
  for (const Entry& entry : wanted.entries) keys.insert(entry.key);
  if (said) {
    for (const Entry& entry : said->entries) keys.insert(entry.key);
  }
  const std::vector<Change> before = changes_;
  std::erase_if(changes_, [&](const Change& c) { return c.service == service && c.section == section; });
  for (const std::string& key : keys) {
    const Node* old_value = said ? said->find(key) : nullptr;
    const Node* new_value = wanted.find(key);
    if (old_value && new_value && *old_value == *new_value) continue;
    Change change{service, section, key, new_value ? *new_value : Node(), hash_of(old_value), printed(now)};
    const auto same = std::find_if(before.begin(), before.end(), [&](const Change& c) {
      return c.service == service && c.section == section && c.key == key && c.value == change.value;
    });
    // A target that is put again begins its time anew, a part of `sending` does not.
    if (section == "sending" && same != before.end()) change.time = same->time;
    changes_.push_back(std::move(change));
  }
  return save();
}

Result<> Overlay::remove_target(const Config& base, const std::string& service, shadow::Role role,
                                const std::string& name, WallTime now) {
  const ServiceConfig* known = base.service(service);
  if (!known) return plain_error("no service '" + service + "'");
  const std::string section = section_of(role, name);
  const std::optional<Node> said = read_section(*known, section);
  std::erase_if(changes_, [&](const Change& c) { return c.service == service && c.section == section; });
  if (said) changes_.push_back({service, section, {}, {}, hash_of(&*said), printed(now)});
  return save();
}

Result<> Overlay::save() const {
  if (path_.empty()) return {};
  const std::string text = print_json(to_tree(changes_)) + "\n";
  if (text.size() > TextLimits().max_bytes) return plain_error(path_ + ": would be too large");
  return write_file(path_, text);
}

}  // namespace shadowtap::config
