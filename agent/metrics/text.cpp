// The snapshot as prometheus-cpp's families, and those as text.
#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <limits>

#include "agent/metrics/snapshot.h"

namespace shadowtap::metrics {
namespace {

namespace prom = prometheus;
using Labels = std::vector<prom::ClientMetric::Label>;

// One family under construction; rows with equal labels are added up, because a scraper
// refuses the whole page for one duplicate.
class Family {
 public:
  Family(const char* name, const char* help, prom::MetricType type) {
    family_.name = name;
    family_.help = help;
    family_.type = type;
  }
  void add(Labels labels, double value) {
    prom::ClientMetric& metric = row(std::move(labels));
    (family_.type == prom::MetricType::Counter ? metric.counter.value : metric.gauge.value) +=
        value;
  }
  void add(Labels labels, const Buckets& histogram) {
    auto& h = row(std::move(labels)).histogram;
    std::uint64_t so_far = 0;
    const std::size_t bounds = histogram.upper_bounds.size();
    h.bucket.resize(bounds + 1);
    for (std::size_t i = 0; i <= bounds; ++i) {
      so_far += i < histogram.counts.size() ? histogram.counts[i] : 0;
      h.bucket[i].upper_bound =
          i < bounds ? histogram.upper_bounds[i] : std::numeric_limits<double>::infinity();
      h.bucket[i].cumulative_count += so_far;
    }
    h.sample_count += so_far;
    h.sample_sum += histogram.sum_seconds;
  }
  prom::MetricFamily take() { return std::move(family_); }

 private:
  prom::ClientMetric& row(Labels labels) {
    std::string key;
    for (const auto& label : labels) key += label.name + '\0' + label.value + '\0';
    const auto [at, fresh] = rows_.emplace(std::move(key), family_.metric.size());
    if (fresh) family_.metric.emplace_back().label = std::move(labels);
    return family_.metric[at->second];
  }

  prom::MetricFamily family_;
  std::map<std::string, std::size_t> rows_;
};

constexpr auto kCounter = prom::MetricType::Counter;
constexpr auto kGauge = prom::MetricType::Gauge;

double number(std::uint64_t n) { return static_cast<double>(n); }

prom::MetricFamily reasons(const char* name, const char* help, const char* label,
                           const std::vector<ReasonCount>& rows,
                           prom::MetricType type = kCounter) {
  Family family(name, help, type);
  for (const ReasonCount& row : rows) {
    family.add({{"service", row.service}, {label, row.reason}}, number(row.n));
  }
  return family.take();
}

void add_capture(const Snapshot& s, std::vector<prom::MetricFamily>& out) {
  Family packets("shadowtap_packets_total", "TCP packets of the service's ports seen at the tap.",
                 kCounter);
  for (const PacketCount& row : s.agent.packets) {
    packets.add({{"service", row.service}, {"direction", row.direction}}, number(row.packets));
  }
  out.push_back(packets.take());
  out.push_back(reasons("shadowtap_packets_lost_total",
                        "Packets matched but not delivered to the agent.", "reason",
                        s.agent.packets_lost));
  out.push_back(reasons("shadowtap_connections", "Connections known to reassembly.", "state",
                        s.agent.connections, kGauge));
  Family fill("shadowtap_ring_fill_ratio", "Share of a capture ring that is in use.", kGauge);
  for (std::size_t i = 0; i < s.ring_fill.size(); ++i) {
    fill.add({{"ring", std::to_string(i)}}, s.ring_fill[i]);
  }
  out.push_back(fill.take());
}

void add_ledger(const Snapshot& s, std::vector<prom::MetricFamily>& out) {
  Family exchanges("shadowtap_exchanges_total", "Exchanges captured.", kCounter);
  Family in_flight("shadowtap_in_flight", "Exchanges that stand in no other part of the ledger yet.",
                   kGauge);
  Family unreported("shadowtap_unreported_total",
                    "Exchanges that ended, but were no sample and no evidence: results were behind.",
                    kCounter);
  for (const ServiceExchanges& row : s.services) {
    exchanges.add({{"service", row.service}}, number(row.exchanges));
    in_flight.add({{"service", row.service}}, number(row.in_flight));
    unreported.add({{"service", row.service}}, number(row.unreported));
  }
  out.push_back(exchanges.take());
  out.push_back(in_flight.take());
  out.push_back(unreported.take());
  out.push_back(reasons("shadowtap_skipped_total", "Exchanges not selected for sending.",
                        "reason", s.skipped));
  out.push_back(reasons("shadowtap_refused_total", "Exchanges over a limit of the agent.",
                        "reason", s.refused));
  out.push_back(reasons("shadowtap_shadow_errors_total",
                        "Exchanges that the candidate did not answer.", "reason",
                        s.shadow_errors));
  out.push_back(reasons("shadowtap_not_comparable_total",
                        "Exchanges that ended without two responses to compare.", "reason",
                        s.not_comparable));
  out.push_back(reasons("shadowtap_controls_total",
                        "Comparisons by their secondary: it answered too, was sent too far apart to "
                        "say anything, or did not answer.",
                        "control", s.controls));
}

void add_comparisons(const Snapshot& s, std::vector<prom::MetricFamily>& out) {
  Family comparisons("shadowtap_comparisons_total",
                     "Comparisons by their outcome when they were made.", kCounter);
  for (const ComparisonCount& row : s.comparisons) {
    comparisons.add(
        {{"service", row.service}, {"route", row.route}, {"outcome", row.outcome}},
        number(row.n));
  }
  out.push_back(comparisons.take());
  Family responses("shadowtap_response_seconds",
                   "Last request byte to last response byte, by who answered.",
                   prom::MetricType::Histogram);
  for (const ResponseHistogram& row : s.responses) {
    responses.add({{"service", row.service}, {"route", row.route}, {"source", row.source}},
                  row.times);
  }
  out.push_back(responses.take());
}

void add_targets(const Snapshot& s, std::vector<prom::MetricFamily>& out) {
  Family requests("shadowtap_shadow_requests_total", "Shadow requests by how they ended.",
                  kCounter);
  // The least of a role's targets (several mirrors): 1 only if all are up.
  std::map<std::pair<std::string, std::string>, bool> up;
  for (const TargetCount& target : s.targets) {
    for (const auto& [result, n] : target.results) {
      requests.add({{"service", target.service}, {"role", target.role}, {"result", result}},
                   number(n));
    }
    const auto [at, fresh] = up.try_emplace({target.service, target.role}, target.up);
    if (!fresh) at->second = at->second && target.up;
  }
  out.push_back(requests.take());
  Family opened("shadowtap_target_connections_total", "Connections opened to targets.", kCounter);
  Family delay("shadowtap_send_delay_seconds",
               "Last request byte at the tap to first byte of its shadow request.",
               prom::MetricType::Histogram);
  for (const TargetCount& target : s.targets) {
    const Labels labels{{"service", target.service}, {"role", target.role}};
    opened.add(labels, number(target.connections_opened));
    if (!target.send_delay.counts.empty()) delay.add(labels, target.send_delay);
  }
  out.push_back(opened.take());
  out.push_back(delay.take());
  Family target_up("shadowtap_target_up", "1 while the target answers, 0 while it fails.", kGauge);
  for (const auto& [key, is_up] : up) {
    target_up.add({{"service", key.first}, {"role", key.second}}, is_up ? 1 : 0);
  }
  out.push_back(target_up.take());
}

void add_middleware(const Snapshot& s, std::vector<prom::MetricFamily>& out) {
  Family running("shadowtap_middleware_running",
                 "1 while the service's middleware runs, of every shard.", kGauge);
  Family starts("shadowtap_middleware_starts_total", "How often a middleware was started.",
                kCounter);
  Family exchanges("shadowtap_middleware_exchanges_total",
                   "Exchanges that no target got: the middleware, its time-out or its death "
                   "dropped them, or it made of them what must not be sent.",
                   kCounter);
  Family untold("shadowtap_middleware_untold_total",
                "Responses that the middleware was not shown: its pipe was full.", kCounter);
  for (const MiddlewareCount& row : s.middleware) {
    const Labels labels{{"service", row.service}};
    running.add(labels, row.running ? 1 : 0);
    starts.add(labels, number(row.starts));
    untold.add(labels, number(row.untold));
    for (const auto& [reason, n] : row.withheld) {
      exchanges.add({{"service", row.service}, {"reason", reason}}, number(n));
    }
  }
  out.push_back(running.take());
  out.push_back(starts.take());
  out.push_back(exchanges.take());
  out.push_back(untold.take());
}

void add_states(const Snapshot& s, std::vector<prom::MetricFamily>& out) {
  Family verdict("shadowtap_verdict", "1 for the verdict that holds, 0 for the others.", kGauge);
  Family paused("shadowtap_paused", "1 while nothing is sent for the service.", kGauge);
  for (const ServiceExchanges& row : s.services) {
    for (const char* word : {"pass", "fail", "inconclusive"}) {
      verdict.add({{"service", row.service}, {"verdict", word}}, row.verdict == word ? 1 : 0);
    }
    paused.add({{"service", row.service}}, row.paused ? 1 : 0);
  }
  out.push_back(verdict.take());
  out.push_back(paused.take());
  Family reload("shadowtap_config_reload_success",
                "0 while the configuration file is invalid and the old one still holds.", kGauge);
  reload.add({}, s.agent.config_reload_success ? 1 : 0);
  out.push_back(reload.take());
  Family build("shadowtap_build_info", "Always 1; the version is the label.", kGauge);
  build.add({{"version", s.version}}, 1);
  out.push_back(build.take());
}

void add_process(const Process& p, std::vector<prom::MetricFamily>& out) {
  const auto single = [&](const char* name, const char* help, prom::MetricType type, double v) {
    Family family(name, help, type);
    family.add({}, v);
    out.push_back(family.take());
  };
  single("process_cpu_seconds_total", "CPU time of this process.", kCounter, p.cpu_seconds);
  single("process_start_time_seconds", "Start of this process since the epoch.", kGauge,
         p.start_time_seconds);
  single("process_resident_memory_bytes", "Resident memory.", kGauge, number(p.resident_bytes));
  single("process_virtual_memory_bytes", "Virtual memory.", kGauge, number(p.virtual_bytes));
  single("process_open_fds", "Open file descriptors.", kGauge, number(p.open_fds));
  single("process_max_fds", "Most file descriptors that may be open.", kGauge, number(p.max_fds));
  single("process_threads", "Threads of this process.", kGauge, number(p.threads));
}

}  // namespace

std::string to_text(const Snapshot& snapshot) {
  std::vector<prom::MetricFamily> families;
  add_capture(snapshot, families);
  add_ledger(snapshot, families);
  add_comparisons(snapshot, families);
  add_targets(snapshot, families);
  add_middleware(snapshot, families);
  add_states(snapshot, families);
  add_process(snapshot.process, families);
  std::erase_if(families, [](const prom::MetricFamily& f) { return f.metric.empty(); });
  return prom::TextSerializer().Serialize(families);
}

}  // namespace shadowtap::metrics
