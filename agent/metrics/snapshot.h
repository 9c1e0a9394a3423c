// Everything a scrape shows, as plain values gathered at that moment: the names and
// bounded labels of INTERFACES section 7. Knows nothing of where the numbers live.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace shadowtap::metrics {

struct PacketCount {
  std::string service;
  std::string direction;  // to_server, to_client
  std::uint64_t packets = 0;
};

// One reason (or state, or result) of one service.
struct ReasonCount {
  std::string service;
  std::string reason;
  std::uint64_t n = 0;
};

// The outcome as it was decided when the comparison arrived: never goes back.
struct ComparisonCount {
  std::string service;
  std::string route;  // bounded: the rest is `other`
  std::string outcome;
  std::uint64_t n = 0;
};

// Not cumulative: counts[i] is of what took at most upper_bounds[i] seconds and more than
// the bound before; one more count than bounds, for the rest.
struct Buckets {
  std::vector<double> upper_bounds;
  std::vector<std::uint64_t> counts;
  double sum_seconds = 0;
};

struct ResponseHistogram {
  std::string service;
  std::string route;
  std::string source;  // original, candidate, secondary
  Buckets times;
};

// What only the running agent knows (api::Control::metrics).
struct FromAgent {
  std::vector<PacketCount> packets;
  std::vector<ReasonCount> packets_lost;
  std::vector<ReasonCount> connections;  // reason: the state; a gauge
  bool config_reload_success = true;
};

struct ServiceExchanges {
  std::string service;
  std::uint64_t exchanges = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t unreported = 0;
  bool paused = false;
  std::string verdict;  // pass, fail, inconclusive
};

struct TargetCount {
  std::string service;
  std::string role;
  bool up = false;
  // answered, withdrawn, timeout, stale, …
  std::vector<std::pair<std::string, std::uint64_t>> results;
  std::uint64_t connections_opened = 0;
  Buckets send_delay{};  // request complete at the tap -> first byte of its shadow sent
};

// Of a service that has one.
struct MiddlewareCount {
  std::string service;
  bool running = false;
  std::uint64_t starts = 0;
  std::vector<std::pair<std::string, std::uint64_t>> withheld;  // dropped, refused_change
  std::uint64_t untold = 0;
};

struct Process {
  double cpu_seconds = 0;
  double start_time_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
  std::uint64_t threads = 0;
};

struct Snapshot {
  std::string version;
  FromAgent agent;
  std::vector<ComparisonCount> comparisons;
  std::vector<ResponseHistogram> responses;
  std::vector<ServiceExchanges> services;
  std::vector<ReasonCount> skipped, refused, shadow_errors, not_comparable, controls;
  std::vector<TargetCount> targets;
  std::vector<MiddlewareCount> middleware;
  std::vector<double> ring_fill;  // 0..1, by ring
  Process process;
};

// Prometheus text exposition format 0.0.4. Each (name, labels) at most once: rows with the
// same labels are added up.
std::string to_text(const Snapshot& snapshot);

// Of this process, from /proc; what cannot be read stays 0.
Process read_process();

}  // namespace shadowtap::metrics
