// What came out: counters, noise statistics, samples and the verdict, per service.
//
// Control thread only (the store thread behind it touches SQLite alone). Reading never
// recomputes evidence and never changes a metric. Everything kept is under a byte cap
// and an age, and is redacted before it is kept.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/result.h"
#include "agent/results/comparison.h"
#include "diff/rules.h"

namespace shadowtap::results {

using namespace std::chrono_literals;

struct NoiseOptions {
  std::string rule = "evidence";  // or "diffy"
  double alpha = 0.01;
  Duration max_skew = 5ms;
  Duration window = 60s;  // A/A in production
  std::string cluster_header;
  std::uint64_t constant_pairs = 30;  // noise.constant
  Duration constant_time = 30s;
  bool resend = false;  // ask the candidate twice where nothing better tells noise
  bool has_secondary = true;  // no key: whether one is configured; else its pairs do not speak
};

struct VerdictOptions {
  std::uint64_t min_compared = 200;
  double max_mismatch_ratio = 0.01;
};

struct RedactionOptions {
  std::vector<std::string> paths;  // beside the built-in names of INTERFACES section 8
};

struct StoreOptions {
  std::string data_dir;  // empty: memory only
  std::size_t max_bytes = 256 << 20;
  Duration max_age = 7 * 24h;
  Duration flush_interval = 1s;
  std::size_t samples = 5;  // reservoir and as many newest, per (route, path, kind)
};

struct ServiceOptions {
  std::string name;
  std::vector<std::string> routes;  // Diffy's pattern syntax: "/users/:id;user"
  std::size_t max_routes = 1000;    // the rest is `other`
  NoiseOptions noise;
  VerdictOptions verdict;
  std::string epoch;  // candidate URL or release label: a new one starts evidence anew
};

struct ResultsOptions {
  std::vector<ServiceOptions> services;  // indexed by Exchange::service
  StoreOptions store;
  RedactionOptions redaction;
};

struct Latency {
  double p50 = 0, p90 = 0, p99 = 0;  // milliseconds
};

struct EndpointRow {
  std::string id;
  std::string service, method, route;
  std::uint64_t exchanges = 0;
  std::uint64_t compared = 0;
  std::map<std::string, std::uint64_t> outcomes;  // by outcome word
  double mismatch_ratio = 0;  // (mismatch + error) / (compared + shadow_error)
  Latency original, candidate;
};

struct FieldRow {
  std::string path;
  std::map<std::string, std::uint64_t> kinds;
  std::uint64_t raw = 0, noise = 0, total = 0;
  std::string verdict;  // regression, noise, insufficient
  bool ignored = false;
  std::string explain;
};

struct DiffQuery {
  std::string service, endpoint, path, kind, outcome;
  std::optional<WallTime> since;
  std::string cursor;
  std::size_t limit = 100;
};

struct ShownDifference {
  std::string path, kind, original, candidate;
  std::string aggregated;
};

struct DiffRow {
  std::string id;
  WallTime time;
  std::string service, method, uri, route, outcome;
  std::vector<ShownDifference> differences;
};

struct ShownMessage {  // redacted, body decoded
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool body_is_text = true;  // else `body` is base64
  std::uint64_t body_size = 0;
};

struct DiffDetail {
  DiffRow row;
  ShownMessage request;
  std::optional<ShownMessage> original, candidate, secondary;
  std::map<std::string, double> timings_ms;
  std::string error;
};

template <class T>
struct Page {
  std::vector<T> rows;
  std::string next;  // cursor; empty: the end
};

struct VerdictNeed {
  std::string route;
  std::uint64_t comparisons = 0;
  std::optional<double> eta_seconds;
};

struct VerdictAnswer {
  std::string verdict;  // pass, fail, inconclusive
  std::vector<std::string> reasons;
  std::vector<VerdictNeed> needs;
  std::uint64_t compared = 0;
  double alpha = 0;
  WallTime since;
};

// The findings table: one row per (endpoint, path, kind) that is a regression, plus
// errors and slow routes, strongest first.
struct Finding {
  std::string service, method, route, path, kind;
  std::string status;  // regression, insufficient, slower, errors
  std::uint64_t differing = 0, compared = 0;
  std::string example_original, example_candidate;
  std::string explain;
};

// Counts as they were decided on arrival, which never go back: for a scrape.
struct RouteMetrics {
  std::string service, method, route;
  std::map<std::string, std::uint64_t> outcomes;
  struct Times {
    std::vector<std::uint64_t> counts;  // not cumulative; one more than the bounds
    double sum_seconds = 0;
  };
  Times original, candidate, secondary;
};
// Upper bounds of RouteMetrics::Times, in seconds.
const std::vector<double>& response_bounds();

struct VerdictChange {
  std::string service, before, after;
  WallTime time;
  VerdictAnswer answer;
};

struct ResultsHealth {
  bool ok = true;
  std::string why_not;  // "store: disk full; counters are kept in memory"
  std::uint64_t refused = 0;  // store writes refused by the bounded queue
};

class Results {
 public:
  virtual ~Results() = default;
  static Result<std::unique_ptr<Results>> open(const ResultsOptions& options);

  virtual void add(Comparison comparison) = 0;
  // Requests that the candidate is to get once more (noise.resend), bounded; and what came
  // of one: the first answer against the second.
  virtual std::vector<Repeat> take_repeats() = 0;
  virtual void add_repeat(const Repeat& repeat, const diff::Differences& against_first) = 0;
  virtual void tick(WallTime now) = 0;  // about each 100 ms: age, buckets, flush

  virtual Page<EndpointRow> endpoints(const std::string& service, const std::string& cursor,
                                      std::size_t limit) const = 0;
  virtual std::optional<Page<FieldRow>> fields(const std::string& endpoint_id,
                                               const std::string& cursor,
                                               std::size_t limit) const = 0;
  virtual Page<DiffRow> diffs(const DiffQuery& query) const = 0;
  virtual std::optional<DiffDetail> diff(const std::string& id) const = 0;
  // The captured request of a kept sample with its credentials, for a re-send; nullopt if
  // unknown; an error `credentials_not_kept` where they were redacted and forgotten.
  virtual Result<std::optional<http::Exchange>> resend_request(const std::string& id) const = 0;
  virtual VerdictAnswer verdict(const std::string& service,
                                std::optional<std::uint64_t> min_compared,
                                std::optional<double> max_mismatch_ratio) const = 0;
  virtual std::vector<Finding> findings(const std::string& service) const = 0;
  virtual ResultsHealth health() const = 0;

  virtual bool forget(const std::string& service) = 0;  // empty: all. False: no such service

  // The rules that the shards compare with: for comparing two originals (A/A), and for what
  // was counted before they came.
  virtual void set_rules(const std::string& service, const diff::Rules& rules) = 0;
  // A secondary was put or removed. Its pairs are kept for when it comes back, and speak
  // only while it is there.
  virtual void set_secondary(const std::string& service, bool has) = 0;
  // Another candidate URL or release label: evidence and counters start anew.
  virtual void set_epoch(const std::string& service, const std::string& epoch) = 0;

  virtual std::vector<RouteMetrics> metrics() const = 0;
  // What tick() found since the last call.
  virtual std::vector<VerdictChange> take_verdict_changes() = 0;

  virtual Result<> flush() = 0;  // at stop; waits for the store with a deadline
};

}  // namespace shadowtap::results
