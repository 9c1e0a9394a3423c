// Keeps what the agent does in step with the file, the flags and the changes made at run
// time: a re-read puts what changed into effect, a change made at run time is put into
// effect and then kept. What it must not know is how either happens.
//
// Control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/changes.h"
#include "agent/config/effective.h"
#include "agent/config/expired_targets.h"
#include "agent/config/overlay.h"

namespace shadowtap::config {

// Each puts one change into effect, or says why not (also: no such service); then nothing
// has changed.
struct Effects {
  std::function<Result<>(const std::string& service, const diff::Rules&)> put_rules;
  std::function<Result<>(const std::string& service, const shadow::SelectOptions&)> put_select;
  std::function<Result<>(const std::string& service, const shadow::TargetOptions&)> put_target;
  std::function<Result<>(const std::string& service, shadow::Role, const std::string& name)>
      remove_target;
  std::function<Result<>(const std::string& service, const shadow::DispatchOptions&)> put_dispatch;
  bool one_shard = true;  // else happens-before holds from the next start only
  // Runs it; what it puts into effect holds on a shard all at once. May be left out.
  std::function<void(const std::function<void()>&)> together = nullptr;
  // These cannot fail, and may be left out.
  // Another candidate or release label: evidence starts anew.
  std::function<void(const std::string& service, const std::string& epoch)> set_epoch = nullptr;
  std::function<void(const shadow::GlobalLimits&)> set_limits = nullptr;
};

// Of each file its identity and time, to tell whether it was written or replaced.
using FileTimes = std::map<std::string, std::string>;

class LiveConfig {
 public:
  using Read = std::function<Result<Effective>()>;

  // `read` reads file and flags again, as they were read into `said`. Opens
  // data_dir/overlay.json where there is a data_dir.
  [[nodiscard]] static Result<std::unique_ptr<LiveConfig>> open(Effective said, Read read);

  // What is in effect: at first what file and flags say and the changes that are still
  // newer (the others are logged).
  const Config& running() const { return running_; }
  void set_effects(Effects effects) { effects_ = std::move(effects); }

  // SIGHUP, a changed file. A wrong file keeps everything as it is, logged.
  void reread();
  bool last_reread_succeeded() const { return succeeded_; }  // shadowtap_config_reload_success
  // Keys that have changed and only hold from the next start.
  const std::vector<std::string>& pending_restart() const { return pending_restart_; }

  [[nodiscard]] Result<> put_rules(const std::string& service, const diff::Rules& rules);
  [[nodiscard]] Result<> put_select(const std::string& service,
                                    const shadow::SelectOptions& select);
  [[nodiscard]] Result<> put_dispatch(const std::string& service,
                                      const shadow::DispatchOptions& dispatch);
  [[nodiscard]] Result<> put_target(const std::string& service,
                                    const shadow::TargetOptions& target);
  [[nodiscard]] Result<> remove_target(const std::string& service, shadow::Role role,
                                       const std::string& name);

  // Removes the targets whose `expires` has passed, for good: a restart must not bring an
  // ad-hoc mirror back. One that stands in the file comes back with the next start, or once
  // the file says something else of it.
  void end_expired(WallTime now);

  std::vector<Source> sources() const;  // for `status`
  // What file and flags say, without the changes made at run time. Stays where it is.
  const Config& said() const { return said_.config; }

 private:
  LiveConfig(Effective said, Read read, Overlay overlay);
  Config with_overlay();
  std::string own_service(const std::string& service, const shadow::TargetOptions& target) const;
  ServiceConfig& running_service(const std::string& name);
  void put_all_into_effect(const Config& wanted);
  Result<> put_into_effect(const ChangedSection& changed, const Config& wanted);
  Result<> put_target_into_effect(const std::string& service, const shadow::TargetOptions& target);
  void put_releases_into_effect(const Config& wanted);
  void put_limits_into_effect(const shadow::GlobalLimits& wanted);
  void put_middleware_into_effect(const Config& wanted);
  bool is_possible_now(const shadow::DispatchOptions& wanted) const;
  Config possible_now(Config wanted) const;
  Config note_pending();
  shadow::Order pending_order(const std::string& service, shadow::Order running) const;
  void put_secrets_into_effect();

  Effective said_;
  Read read_;
  Overlay overlay_;
  WallTime started_;
  Config running_;  // after overlay_: made with it
  Effects effects_;
  FileTimes secrets_;  // of headers that come from files, as they were last read
  ExpiredTargets expired_;
  std::vector<std::string> pending_restart_;
  bool succeeded_ = true;
};

}  // namespace shadowtap::config
