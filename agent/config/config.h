// Everything the agent can be told, as values: the areas' own Options, put together. Filled
// by load_config (file), apply_flags (command line) and Overlay (run-time changes); knows
// nothing of how. Each area gets its part by value and never sees this file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/capture/tap.h"
#include "agent/results/results.h"
#include "agent/shadow/options.h"
#include "diff/rules.h"

namespace shadowtap::config {

struct ApiOptions {
  std::string listen = "127.0.0.1:9900";  // host:port, :port, unix:/path
  std::string unix_socket;                // a path: instead of `listen`, if set
  std::string metrics_listen;             // only /metrics /healthz /readyz; empty: none
  std::string token_file;                 // bearer token; needed where `listen` is not loopback
};

// A POST of JSON at each change of a service's verdict.
struct WebhookOptions {
  std::string url;          // http:// or https://; empty: none
  std::string secret_file;  // key of the signature; empty: unsigned
  Duration timeout = std::chrono::seconds(5);
  std::uint32_t attempts = 8;  // with back-off between them
};

struct CaptureOptions {
  std::string netns;        // path; empty: our own
  std::size_t shards = 0;   // 0: a quarter of the cores, at least 1 and at most 16
  std::size_t ring_bytes = capture::kRingBytes;  // a shard; power of two
  double sample_connections = 100;
  std::uint32_t mark = shadow::kMark;
  bool force_clsact = false;
};

struct ServiceConfig {
  std::string name;
  std::vector<std::uint16_t> ports;
  std::vector<capture::InterfaceChoice> interfaces;  // empty: auto
  std::optional<shadow::TargetOptions> candidate;
  std::optional<shadow::TargetOptions> secondary;
  std::vector<shadow::TargetOptions> mirrors;
  shadow::SelectOptions select;
  shadow::DispatchOptions dispatch;
  results::ServiceOptions results;  // name and epoch are set by results_options()
  std::string release;              // label of the candidate; a new one starts evidence anew
  diff::Rules compare;

  std::vector<shadow::TargetOptions> targets() const;  // candidate, secondary, mirrors
  std::string epoch() const;  // of the evidence: candidate URL and release label
};

struct Config {
  ApiOptions api;
  std::string data_dir;  // empty: nothing is kept
  shadow::GlobalLimits limits;
  CaptureOptions capture;
  results::StoreOptions store;  // data_dir is set by results_options()
  results::RedactionOptions redaction;
  WebhookOptions webhook;
  std::vector<ServiceConfig> services;

  const ServiceConfig* service(const std::string& name) const;
};

// Reads a file, or text in its form. An error holds every mistake, one a line:
// "shadowtap.yaml:3:7: unknown key 'prot' (did you mean 'ports'?)".
Result<Config> load_config(const std::string& path);
Result<Config> parse_config(const std::string& text, const std::string& name);

// In the file's form; reads back as the same configuration except for secrets, which are ***.
std::string print_config(const Config& config);

// What the areas are created with.
capture::TapOptions tap_options(const Config& config);
results::ResultsOptions results_options(const Config& config);

}  // namespace shadowtap::config
