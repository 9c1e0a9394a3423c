#include "agent/config/live_config.h"

#include <algorithm>
#include <chrono>

#include "agent/base/log.h"
#include "agent/config/sections.h"

namespace shadowtap::config {
namespace {

constexpr const char* kFile = "/overlay.json";

WallTime now() { return WallTime(std::chrono::system_clock::now()); }

// The change holds already; that it will not outlast this process is still an error.
Result<> kept(Result<> saved) {
  if (saved) return saved;
  return Error{saved.error().code, "the change holds, but could not be kept: " +
                                       saved.error().context};
}

std::optional<shadow::TargetOptions> target_of(const ServiceConfig& service,
                                               const std::string& section) {
  for (shadow::TargetOptions& target : service.targets()) {
    if (section_of(target.role, target.name) == section) return std::move(target);
  }
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<LiveConfig>> LiveConfig::open(Effective said, Read read) {
  const std::string& directory = said.config.data_dir;
  Result<Overlay> overlay = Overlay::open(directory.empty() ? "" : directory + kFile);
  if (!overlay) return overlay.error();
  return std::unique_ptr<LiveConfig>(
      new LiveConfig(std::move(said), std::move(read), std::move(*overlay)));
}

LiveConfig::LiveConfig(Effective said, Read read, Overlay overlay)
    : said_(std::move(said)), read_(std::move(read)), overlay_(std::move(overlay)),
      running_(with_overlay()) {}

Config LiveConfig::with_overlay() {
  std::vector<std::string> forgotten;
  Config config = overlay_.apply(said_.config, forgotten);
  for (const std::string& why : forgotten) spdlog::warn("run-time change forgotten: {}", why);
  return config;
}

void LiveConfig::reread() {
  Result<Effective> said = read_();
  succeeded_ = said.has_value();
  if (!said) {
    spdlog::error("configuration kept as it was: {}", said.error().message());
    return;
  }
  said_ = std::move(*said);
  const Config wanted = with_overlay();
  for (const std::string& key : needs_restart(running_, wanted)) {
    spdlog::warn("{} has changed and will hold from the next start", key);
  }
  for (const ChangedSection& changed : changed_sections(running_, wanted)) {
    const Result<> done = put_into_effect(changed, wanted);
    if (done) continue;
    succeeded_ = false;
    spdlog::error("services.{}.{}: {}", changed.service, changed.section, done.error().message());
  }
  spdlog::info("configuration read again");
}

Result<> LiveConfig::put_into_effect(const ChangedSection& changed, const Config& wanted) {
  const auto& [name, section] = changed;
  const ServiceConfig& service = *wanted.service(name);
  ServiceConfig& ours = running_service(name);
  Result<> done;
  if (section == "compare") {
    done = effects_.put_rules(name, service.compare);
  } else if (section == "select") {
    done = effects_.put_select(name, service.select);
  } else if (const auto target = target_of(service, section)) {
    done = effects_.put_target(name, *target);
  } else if (const auto old = target_of(ours, section)) {
    done = effects_.remove_target(name, old->role, old->name);
  }
  if (!done) return done;
  if (const std::optional<Node> tree = read_section(service, section)) {
    static_cast<void>(write_section(ours, section, *tree));  // was read from the same form
  } else {
    remove_section(ours, section);
  }
  return done;
}

ServiceConfig& LiveConfig::running_service(const std::string& name) {
  return *std::find_if(running_.services.begin(), running_.services.end(),
                       [&](const ServiceConfig& service) { return service.name == name; });
}

Result<> LiveConfig::put_rules(const std::string& service, const diff::Rules& rules) {
  if (auto done = effects_.put_rules(service, rules); !done) return done;
  running_service(service).compare = rules;
  return kept(overlay_.put_rules(said_.config, service, rules, now()));
}

Result<> LiveConfig::put_select(const std::string& service, const shadow::SelectOptions& select) {
  if (auto done = effects_.put_select(service, select); !done) return done;
  running_service(service).select = select;
  return kept(overlay_.put_select(said_.config, service, select, now()));
}

Result<> LiveConfig::put_target(const std::string& service, const shadow::TargetOptions& target) {
  if (auto done = effects_.put_target(service, target); !done) return done;
  put_section(running_service(service), target);
  return kept(overlay_.put_target(said_.config, service, target, now()));
}

Result<> LiveConfig::remove_target(const std::string& service, shadow::Role role,
                                   const std::string& name) {
  if (auto done = effects_.remove_target(service, role, name); !done) return done;
  remove_section(running_service(service), section_of(role, name));
  return kept(overlay_.remove_target(said_.config, service, role, name, now()));
}

std::vector<Source> LiveConfig::sources() const {
  return config::sources(said_.file, said_.config, overlay_);
}

}  // namespace shadowtap::config
