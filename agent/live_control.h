// What the API may ask of the running agent, answered from the shards: counters are read
// where they are; what only a shard's thread may read arrives as a snapshot it was asked
// for before; changes are posted.
//
// Control thread. Does not own the shards, their services' health or the tap.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/api/control.h"
#include "agent/config/live_config.h"
#include "agent/process_cost.h"
#include "agent/results/redaction.h"

namespace boost::asio {
class io_context;
}

namespace shadowtap {

namespace capture {
class Tap;
}
namespace shadow {
class ServiceHealth;
}
class Shard;

class LiveControl : public api::Control {
 public:
  // `tap` is null when files are replayed.
  // `take_results` gives results what the shards have handed over so far.
  LiveControl(config::LiveConfig& config, boost::asio::io_context& io, capture::Tap* tap,
              std::vector<std::unique_ptr<Shard>>& shards,
              const std::vector<std::unique_ptr<shadow::ServiceHealth>>& health,
              std::function<void()> take_results);

  // Asks every shard for a snapshot; it arrives on this thread.
  void refresh();

  bool ready(std::string& why_not) const override;
  std::size_t shards() const override { return shards_.size(); }
  std::vector<api::ServiceStatus> services() const override;
  std::vector<api::ServiceLedger> ledgers() const override;
  api::CaptureLedger capture() const override;
  std::vector<double> ring_fill() const override;
  api::Impact impact() const override;
  api::Cost cost() const override;

  bool set_paused(const std::string& service, bool paused) override;
  Result<> put_rules(const std::string& service, const diff::Rules& rules) override;
  Result<> put_select(const std::string& service, const shadow::SelectOptions& select) override;
  Result<> put_dispatch(const std::string& service,
                        const shadow::DispatchOptions& dispatch) override;
  Result<> put_target(const std::string& service, const shadow::TargetOptions& target) override;
  Result<> remove_target(const std::string& service, shadow::Role role,
                         const std::string& name) override;
  metrics::FromAgent metrics() const override;
  std::vector<api::SettingSource> sources() const override;
  std::vector<std::string> pending_restart() const override { return config_.pending_restart(); }
  void replay(http::Exchange exchange, Replayed done) override;

 private:
  // What one shard said of one service.
  struct Snapshot {
    std::vector<shadow::TargetStatus> targets;
    double effective_sample = 0;
    bool sending_expired = false;
    std::optional<shadow::MiddlewareStatus> middleware;
  };

  std::vector<std::size_t> chosen(const std::string& service) const;

  config::LiveConfig& config_;
  boost::asio::io_context& io_;
  capture::Tap* tap_;
  std::vector<std::unique_ptr<Shard>>& shards_;
  const std::vector<std::unique_ptr<shadow::ServiceHealth>>& health_;  // empty: a recording
  std::function<void()> take_results_;
  results::Redactor redactor_;
  std::vector<std::string> services_;  // names; they do not change while the agent runs
  std::vector<std::vector<Snapshot>> snapshots_;  // [shard][service]
  std::vector<bool> paused_;
  mutable CpuShare cpu_;
};

}  // namespace shadowtap
