#include "agent/config/live_config.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>

#include "agent/base/log.h"
#include "agent/config/own_address.h"
#include "agent/config/sections.h"

namespace shadowtap::config {
namespace {

constexpr const char* kFile = "/overlay.json";

WallTime now() { return WallTime(std::chrono::system_clock::now()); }

// The change holds already; that it will not outlast this process is still an error, and one
// that callers tell from all others.
Result<> kept(Result<> saved) {
  if (saved) return saved;
  return Error{std::make_error_code(kHoldsUnkept),
               "the change holds, but could not be kept: " + saved.error().message()};
}

std::optional<shadow::TargetOptions> target_of(const ServiceConfig& service,
                                               const std::string& section) {
  for (shadow::TargetOptions& target : service.targets()) {
    if (section_of(target.role, target.name) == section) return std::move(target);
  }
  return std::nullopt;
}

// Stable for a file that stays as it is; empty: not there.
std::string identity_of(const std::string& path) {
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0) return {};
  return fmt::format("{}:{}:{}:{}.{}", s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec,
                     s.st_mtim.tv_nsec);
}

FileTimes secret_files(const Config& config) {
  FileTimes files;
  for (const ServiceConfig& service : config.services) {
    for (const shadow::TargetOptions& target : service.targets()) {
      for (const shadow::SecretHeader& header : target.secret_headers) {
        if (!header.file.empty()) files[header.file] = identity_of(header.file);
      }
    }
  }
  return files;
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
      started_(now()), running_(with_overlay()), secrets_(secret_files(running_)) {}

Config LiveConfig::with_overlay() {
  std::vector<std::string> forgotten;
  Config config = overlay_.apply(said_.config, forgotten);
  for (const std::string& why : forgotten) spdlog::warn("run-time change forgotten: {}", why);
  for (ServiceConfig& service : config.services) {
    service.dispatch.expires_since = overlay_.put_at(service.name, "sending", "expires");
    const auto note = [&](shadow::TargetOptions& target) {
      target.put_at = overlay_.put_at(service.name, section_of(target.role, target.name));
    };
    if (service.candidate) note(*service.candidate);
    if (service.secondary) note(*service.secondary);
    for (shadow::TargetOptions& mirror : service.mirrors) note(mirror);
  }
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
  const Config possible = note_pending();
  for (const std::string& key : pending_restart_) {
    spdlog::warn("{} has changed and will hold from the next start", key);
  }
  // Between a new target and the rules or the program that came with it nothing may be sent.
  const auto put_all = [this, &possible] { put_all_into_effect(possible); };
  effects_.together ? effects_.together(put_all) : put_all();
  spdlog::info("configuration read again");
}

// What file, flags and changes say, as far as it can hold now; the rest is noted.
Config LiveConfig::note_pending() {
  Config wanted = with_overlay();
  expired_.leave_out(wanted, said_.config);
  Config possible = possible_now(wanted);
  pending_restart_ = needs_restart(running_, wanted, possible);
  return possible;
}

void LiveConfig::put_all_into_effect(const Config& wanted) {
  for (const ChangedSection& changed : changed_sections(running_, wanted)) {
    const Result<> done = put_into_effect(changed, wanted);
    if (done) continue;
    succeeded_ = false;
    spdlog::error("services.{}.{}: {}", changed.service, changed.section, done.error().message());
  }
  put_releases_into_effect(wanted);
  put_limits_into_effect(wanted.limits);
  put_middleware_into_effect(wanted);
  put_secrets_into_effect();
}

void LiveConfig::put_limits_into_effect(const shadow::GlobalLimits& wanted) {
  shadow::GlobalLimits& ours = running_.limits;
  if (ours.rate == wanted.rate && ours.max_in_flight == wanted.max_in_flight) return;
  ours = wanted;
  if (effects_.set_limits) effects_.set_limits(ours);
}

// Not a part of the section `sending`, which the API may write: it is a program to run.
void LiveConfig::put_middleware_into_effect(const Config& wanted) {
  for (ServiceConfig& ours : running_.services) {
    const ServiceConfig* theirs = wanted.service(ours.name);
    if (!theirs || theirs->dispatch.middleware == ours.dispatch.middleware) continue;
    shadow::DispatchOptions dispatch = ours.dispatch;
    dispatch.middleware = theirs->dispatch.middleware;
    if (const auto done = effects_.put_dispatch(ours.name, dispatch); !done) {
      succeeded_ = false;
      spdlog::error("services.{}.middleware: {}", ours.name, done.error().message());
      continue;
    }
    ours.dispatch = dispatch;
  }
}

bool LiveConfig::is_possible_now(const shadow::DispatchOptions& wanted) const {
  return effects_.one_shard || wanted.order != shadow::Order::kHappensBefore;
}

// What happened before what is known only where one shard saw both.
Config LiveConfig::possible_now(Config wanted) const {
  for (ServiceConfig& service : wanted.services) {
    const ServiceConfig* ours = running_.service(service.name);
    if (ours && !is_possible_now(service.dispatch)) service.dispatch.order = ours->dispatch.order;
  }
  return wanted;
}

void LiveConfig::put_releases_into_effect(const Config& wanted) {
  for (ServiceConfig& ours : running_.services) {
    const ServiceConfig* theirs = wanted.service(ours.name);
    if (!theirs || theirs->release == ours.release) continue;
    ours.release = theirs->release;
    if (effects_.set_epoch) effects_.set_epoch(ours.name, ours.epoch());
  }
}

// A target reads its secrets when it is put; here their files have changed since.
void LiveConfig::put_secrets_into_effect() {
  const FileTimes now = secret_files(running_);
  const FileTimes before = std::exchange(secrets_, now);
  for (const ServiceConfig& service : running_.services) {
    for (const shadow::TargetOptions& target : service.targets()) {
      const auto& headers = target.secret_headers;
      const bool stale = std::any_of(headers.begin(), headers.end(), [&](const auto& header) {
        const auto known = before.find(header.file);
        return known != before.end() && known->second != now.at(header.file);
      });
      if (!stale) continue;
      if (const auto done = effects_.put_target(service.name, target); !done) {
        succeeded_ = false;
        spdlog::error("services.{}.targets.{}: {}", service.name, target.name,
                      done.error().message());
      }
    }
  }
}

Result<> LiveConfig::put_target_into_effect(const std::string& service,
                                            const shadow::TargetOptions& target) {
  if (auto done = effects_.put_target(service, target); !done) return done;
  ServiceConfig& ours = running_service(service);
  const std::string before = ours.epoch();
  shadow::TargetOptions kept = target;
  if (!kept.put_at) kept.put_at = now();
  put_section(ours, kept);
  if (effects_.set_epoch && ours.epoch() != before) effects_.set_epoch(service, ours.epoch());
  return {};
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
  } else if (section == "sending") {
    shadow::DispatchOptions dispatch = service.dispatch;
    dispatch.middleware = ours.dispatch.middleware;
    done = effects_.put_dispatch(name, dispatch);
  } else if (auto target = target_of(service, section)) {
    target->put_at.reset();  // the file's edit is the news, and its time begins now
    return put_target_into_effect(name, *target);
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

Result<> LiveConfig::put_dispatch(const std::string& service,
                                  const shadow::DispatchOptions& dispatch) {
  if (!is_possible_now(dispatch)) {
    return plain_error("order: happens-before needs one shard: set capture.shards to 1 and start again");
  }
  if (auto done = effects_.put_dispatch(service, dispatch); !done) return done;
  ServiceConfig& ours = running_service(service);
  shadow::DispatchOptions kept_as = dispatch;
  const bool wished = overlay_.put_at(service, "sending", "order") || dispatch.order != ours.dispatch.order;
  if (!wished) kept_as.order = pending_order(service, dispatch.order);
  ours.dispatch = dispatch;
  const Result<> saved = overlay_.put_dispatch(said_.config, service, kept_as, now());
  note_pending();
  return kept(saved);
}

// What the next start will have: an order that was read back and written is no new wish.
shadow::Order LiveConfig::pending_order(const std::string& service, shadow::Order running) const {
  const ServiceConfig* said = said_.config.service(service);
  return said && !is_possible_now(said->dispatch) ? said->dispatch.order : running;
}

// The start refuses such a target; so does a change.
std::string LiveConfig::own_service(const std::string& service,
                                    const shadow::TargetOptions& target) const {
  const ServiceConfig* found = running_.service(service);
  if (found == nullptr || said_.from_file) return {};
  Config changed = running_;
  changed.services = {*found};
  ServiceConfig& only = changed.services.front();
  only.candidate = target;
  only.secondary.reset();
  only.mirrors.clear();
  return own_target(changed, host_sockets());
}

void LiveConfig::end_expired(WallTime now) {
  std::vector<std::pair<std::string, shadow::TargetOptions>> over;
  for (const ServiceConfig& service : running_.services) {
    for (const shadow::TargetOptions& target : service.targets()) {
      if (!target.expires || now - target.put_at.value_or(started_) < *target.expires) continue;
      over.emplace_back(service.name, target);
    }
  }
  for (const auto& [service, target] : over) {
    const std::string section = section_of(target.role, target.name);
    spdlog::info("services.{}.targets.{}: expired", service, section);
    const std::optional<Node> said = read_section(said_.config, service, section);
    Result<> done = said ? effects_.remove_target(service, target.role, target.name)
                         : remove_target(service, target.role, target.name);
    if (!done) spdlog::warn("services.{}.targets.{}: {}", service, section, done.error().message());
    remove_section(running_service(service), section);
    if (said) expired_.add(service, section, *said);
  }
}

Result<> LiveConfig::put_target(const std::string& service, const shadow::TargetOptions& asked) {
  if (const std::string wrong = own_service(service, asked); !wrong.empty()) {
    return plain_error(wrong);
  }
  shadow::TargetOptions target = asked;
  target.put_at.reset();
  if (auto done = put_target_into_effect(service, target); !done) return done;
  expired_.forget(service, section_of(target.role, target.name));
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
