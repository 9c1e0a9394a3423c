#include "agent/effects.h"

#include "agent/results/results.h"
#include "agent/rule_expiry.h"
#include "agent/shard.h"

namespace shadowtap {
namespace {

class OnShards {
 public:
  OnShards(const config::LiveConfig& config, std::vector<std::unique_ptr<Shard>>& shards,
           results::Results& results)
      : config_(config), shards_(shards), results_(results) {}

  Result<> put_rules(const std::string& service, const diff::Rules& rules) const {
    const auto s = index_of(service);
    if (!s) return s.error();
    if (auto valid = CompareRules::make(rules); !valid) return valid.error();
    const diff::Rules now = in_force(rules, WallTime(std::chrono::system_clock::now()));
    auto compiled = CompareRules::make(now);
    if (!compiled) return compiled.error();
    each([s = *s, compiled = *compiled](Shard& on) { on.set_rules(s, compiled); });
    results_.set_rules(service, now);
    results_.set_ignored(service, ignored_paths(now));
    return {};
  }

  Result<> put_select(const std::string& service, const shadow::SelectOptions& select) const {
    const auto s = index_of(service);
    if (!s) return s.error();
    if (auto valid = shadow::validate(select); !valid) return valid.error();
    each([s = *s, select](Shard& on) { (void)on.dispatcher(s).apply(select); });
    return {};
  }

  Result<> put_target(const std::string& service, const shadow::TargetOptions& target) const {
    const auto s = index_of(service);
    if (!s) return s.error();
    if (auto valid = shadow::validate(target); !valid) return valid.error();
    each([s = *s, target](Shard& on) { (void)on.dispatcher(s).put_target(target); });
    return {};
  }

  Result<> remove_target(const std::string& service, shadow::Role role,
                         const std::string& name) const {
    const auto s = index_of(service);
    if (!s) return s.error();
    each([s = *s, role, name](Shard& on) { on.dispatcher(s).remove_target(role, name); });
    return {};
  }

 private:
  void each(const std::function<void(Shard&)>& work) const {
    for (auto& shard : shards_) shard->post(work);
  }

  Result<std::size_t> index_of(const std::string& service) const {
    const auto& services = config_.running().services;
    for (std::size_t s = 0; s < services.size(); ++s) {
      if (services[s].name == service) return s;
    }
    return plain_error("no service '" + service + "'");
  }

  static std::vector<std::string> ignored_paths(const diff::Rules& rules) {
    std::vector<std::string> paths;
    for (const diff::IgnoreRule& rule : rules.ignore) {
      if (rule.route.empty() && rule.kind.empty()) paths.push_back(rule.path);
    }
    return paths;
  }

  const config::LiveConfig& config_;
  std::vector<std::unique_ptr<Shard>>& shards_;
  results::Results& results_;
};

}  // namespace

config::Effects make_effects(const config::LiveConfig& config,
                             std::vector<std::unique_ptr<Shard>>& shards,
                             results::Results& results) {
  const OnShards on(config, shards, results);
  config::Effects effects;
  effects.put_rules = [on](const std::string& service, const diff::Rules& rules) {
    return on.put_rules(service, rules);
  };
  effects.put_select = [on](const std::string& service, const shadow::SelectOptions& select) {
    return on.put_select(service, select);
  };
  effects.put_target = [on](const std::string& service, const shadow::TargetOptions& target) {
    return on.put_target(service, target);
  };
  effects.remove_target = [on](const std::string& service, shadow::Role role,
                               const std::string& name) {
    return on.remove_target(service, role, name);
  };
  effects.set_epoch = [&results](const std::string& service, const std::string& epoch) {
    results.set_epoch(service, epoch);
  };
  return effects;
}

}  // namespace shadowtap
