#include "agent/effects.h"

#include <algorithm>
#include <optional>

#include "agent/results/results.h"
#include "agent/rule_expiry.h"
#include "agent/shadow/service_health.h"
#include "agent/shadow/shared_limits.h"
#include "agent/shard.h"

namespace shadowtap {
namespace {

using Shards = std::vector<std::unique_ptr<Shard>>;
using Health = std::vector<std::unique_ptr<shadow::ServiceHealth>>;

class OnShards {
 public:
  OnShards(const config::LiveConfig& config, Shards& shards, results::Results& results,
           const Health& health)
      : config_(config), shards_(shards), results_(results), health_(health) {}

  Result<> put_rules(const std::string& service, const diff::Rules& rules) const {
    const auto s = index_of(service);
    if (!s) return s.error();
    if (auto valid = CompareRules::make(rules); !valid) return valid.error();
    const diff::Rules now = in_force(rules, WallTime(std::chrono::system_clock::now()));
    auto compiled = CompareRules::make(now);
    if (!compiled) return compiled.error();
    each([s = *s, compiled = *compiled](Shard& on) { on.set_rules(s, compiled); });
    results_.set_rules(service, now);
    return {};
  }

  Result<> put_select(const std::string& service, const shadow::SelectOptions& select) const {
    const auto s = index_of(service);
    if (!s) return s.error();
    if (auto valid = shadow::validate(select); !valid) return valid.error();
    each([s = *s, select](Shard& on) {
      on.keep_bodies_up_to(select.max_request_body);
      (void)on.dispatcher(s).apply(select);
    });
    return {};
  }

  Result<> put_target(const std::string& service, const shadow::TargetOptions& target) const {
    const auto s = index_of(service);
    if (!s) return s.error();
    if (auto valid = shadow::validate(target); !valid) return valid.error();
    const std::size_t request_bytes = config_.running().services[*s].select.max_request_body;
    each([s = *s, target, request_bytes](Shard& on) {
      on.keep_bodies_up_to(std::max<std::size_t>(target.max_answer_bytes, request_bytes));
      (void)on.dispatcher(s).put_target(target);
    });
    if (target.role == shadow::Role::kSecondary) set_secondary(service, *s, true);
    return {};
  }

  Result<> remove_target(const std::string& service, shadow::Role role,
                         const std::string& name) const {
    const auto s = index_of(service);
    if (!s) return s.error();
    each([s = *s, role, name](Shard& on) { on.dispatcher(s).remove_target(role, name); });
    if (role == shadow::Role::kSecondary) set_secondary(service, *s, false);
    return {};
  }

  Result<> put_dispatch(const std::string& service, const shadow::DispatchOptions& dispatch) const {
    const auto s = index_of(service);
    if (!s) return s.error();
    if (*s < health_.size()) health_[*s]->set(dispatch, std::chrono::steady_clock::now());
    each([s = *s, dispatch](Shard& on) {
      on.set_original_timeout(s, dispatch.original_timeout);
      on.dispatcher(s).apply(dispatch);
    });
    return {};
  }

  void together(const std::function<void()>& puts) const {
    gathered_->emplace();
    puts();
    const auto works = std::make_shared<const std::vector<Work>>(std::move(**gathered_));
    gathered_->reset();
    if (works->empty()) return;
    each([works](Shard& on) {
      for (const Work& work : *works) work(on);
    });
  }

 private:
  // Without one, earlier originals are the control, and need their bodies.
  void set_secondary(const std::string& service, std::size_t s, bool has) const {
    results_.set_secondary(service, has);
    each([s, has](Shard& on) { on.set_keep_bodies(s, !has); });
  }

  using Work = std::function<void(Shard&)>;

  void each(Work work) const {
    if (*gathered_) return (*gathered_)->push_back(std::move(work));
    for (auto& shard : shards_) shard->post(work);
  }

  Result<std::size_t> index_of(const std::string& service) const {
    const auto& services = config_.running().services;
    for (std::size_t s = 0; s < services.size(); ++s) {
      if (services[s].name == service) return s;
    }
    return plain_error("no service '" + service + "'");
  }

  const config::LiveConfig& config_;
  Shards& shards_;
  results::Results& results_;
  const Health& health_;
  // What together() is given, while it runs; of all copies.
  std::shared_ptr<std::optional<std::vector<Work>>> gathered_ =
      std::make_shared<std::optional<std::vector<Work>>>();
};

}  // namespace

config::Effects make_effects(const config::LiveConfig& config,
                             std::vector<std::unique_ptr<Shard>>& shards,
                             results::Results& results, shadow::SharedLimits& limits,
                             const std::vector<std::unique_ptr<shadow::ServiceHealth>>& health) {
  const OnShards on(config, shards, results, health);
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
  effects.set_limits = [&limits](const shadow::GlobalLimits& now) { limits.set(now); };
  effects.put_dispatch = [on](const std::string& service, const shadow::DispatchOptions& dispatch) {
    return on.put_dispatch(service, dispatch);
  };
  effects.one_shard = shards.size() == 1;
  effects.together = [on](const std::function<void()>& puts) { on.together(puts); };
  return effects;
}

}  // namespace shadowtap
