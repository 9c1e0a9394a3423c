// What the API may ask of the running agent. Implemented by agent/, which posts to the
// shards with a deadline; called on the control thread. Read calls never wait.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/result.h"
#include "agent/metrics/snapshot.h"
#include "agent/results/results.h"
#include "agent/shadow/dispatcher.h"
#include "agent/shadow/options.h"
#include "diff/rules.h"

namespace shadowtap::api {

struct Attachment {
  std::string interface;
  std::string direction;  // ingress, egress
  std::string mechanism;  // tcx, clsact
  std::string hidden_by = {};  // who runs before us and keeps all packets, or may; empty: nobody
};

using Reasons = std::vector<std::pair<std::string, std::uint64_t>>;

inline std::uint64_t total(const Reasons& reasons) {
  std::uint64_t sum = 0;
  for (const auto& [reason, n] : reasons) sum += n;
  return sum;
}

// The ledger of INTERFACES section 6 for one service. The parts sum up to `captured`.
struct ServiceLedger {
  std::string name;
  std::uint64_t captured = 0;
  std::uint64_t compared = 0;
  Reasons skipped;
  Reasons refused;
  Reasons shadow_error;
  Reasons not_comparable;
  std::uint64_t in_flight = 0;
  // Of those that ended, what the full queue to results refused, by outcome (match, noise,
  // ignored, mismatch, error, not_compared): no part of the sum.
  Reasons unreported = {};
  Reasons repeats = {};  // noise.resend; beside the sum
  Reasons control = {};  // of those compared: secondary, skewed, none; for the metrics
};

struct CaptureLedger {
  std::uint64_t matched = 0;
  std::uint64_t delivered = 0;
  Reasons lost;
  Reasons connections;
};

struct ServiceStatus {
  std::string name;
  std::vector<std::uint16_t> ports;
  std::vector<Attachment> attachments;
  std::vector<shadow::TargetStatus> targets;
  bool paused = false;
  bool sending_expired = false;
  double effective_sample = 100;  // percent, after ramp and guard
  std::string order = "connection";
  // Of all shards, each of which has its own; nothing where none is configured.
  std::optional<shadow::MiddlewareStatus> middleware = {};
};

// Where a setting comes from; a default's is not told.
struct SettingSource {
  std::string key;     // "services.orders.select.sample"
  std::string source;  // file, flag, runtime
};

struct ImpactSide {
  double p50_ms = 0;
  double p99_ms = 0;
  double error_share = 0;
  std::uint64_t exchanges = 0;
};

struct Impact {
  ImpactSide with_shadows;
  ImpactSide without_shadows;
  std::string interval;  // in words
  std::string verdict = "unknown";  // none, harm, unknown
};

struct Cost {
  double cpu_cores = 0;
  std::uint64_t rss_bytes = 0;
  std::uint64_t ring_bytes = 0;
  double bpf_ns_per_packet = 0;  // 0: not measured
};

class Control {
 public:
  virtual ~Control() = default;

  virtual bool ready(std::string& why_not) const = 0;  // attached; results have a health of their own
  virtual std::size_t shards() const { return 1; }
  virtual std::vector<ServiceStatus> services() const = 0;
  virtual std::vector<ServiceLedger> ledgers() const = 0;
  virtual CaptureLedger capture() const = 0;
  virtual std::vector<double> ring_fill() const = 0;  // 0..1, one a ring
  virtual Impact impact() const = 0;
  virtual Cost cost() const = 0;
  // Packets, connections and the state of the configuration, for a scrape.
  virtual metrics::FromAgent metrics() const { return {}; }

  virtual std::vector<SettingSource> sources() const { return {}; }
  // Keys of the configuration that have changed and only hold from the next start.
  virtual std::vector<std::string> pending_restart() const { return {}; }

  // Sends a kept request to the targets again, under the same filter, and compares the
  // answers with the original it carries. `done` is called on this thread, once; an error
  // says why nothing was sent or compared ("skipped: method").
  using Replayed = std::function<void(Result<results::DiffDetail>)>;
  virtual void replay(http::Exchange exchange, Replayed done) {
    (void)exchange;
    done(plain_error("this agent cannot send again"));
  }

  // Empty service name: all of them. False: no such service.
  virtual bool set_paused(const std::string& service, bool paused) = 0;
  virtual Result<> put_rules(const std::string& service, const diff::Rules& rules) = 0;
  virtual Result<> put_select(const std::string& service, const shadow::SelectOptions& select) = 0;
  virtual Result<> put_dispatch(const std::string& service,
                                const shadow::DispatchOptions& dispatch) = 0;
  virtual Result<> put_target(const std::string& service, const shadow::TargetOptions& target) = 0;
  virtual Result<> remove_target(const std::string& service, shadow::Role role,
                                 const std::string& name) = 0;
};

}  // namespace shadowtap::api
