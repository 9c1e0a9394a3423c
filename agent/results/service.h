// All that is known of one service: its routes, what was counted for each, the noise
// statistics, the samples and the verdict. Puts the units of this area together; knows
// nothing of the store and of the API.
//
// Control thread. Owned by Results.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/results/hits.h"
#include "agent/results/ignored_paths.h"
#include "agent/results/kept_requests.h"
#include "agent/results/noise.h"
#include "agent/results/originals.h"
#include "agent/results/pace.h"
#include "agent/results/path_names.h"
#include "agent/results/redaction.h"
#include "agent/results/results.h"
#include "agent/results/routes.h"
#include "agent/results/samples.h"
#include "agent/results/store_rows.h"

namespace shadowtap::results {

// What is counted for a route besides differences.
struct RouteCounts {
  std::uint64_t exchanges = 0;
  std::uint64_t compared = 0;
  std::uint64_t errors = 0;         // shadow_error
  std::uint64_t refused = 0;        // by us: stale, queue full, …
  std::uint64_t not_comparable = 0;
  std::uint64_t skipped = 0;
  Histogram original, candidate, secondary;
  Pace pace;
  std::uint32_t pace_index = 0;  // i of its weight; 0: nothing timed yet
  MapPaths maps;
  bool dirty = false;

  void merge(const RouteCounts& other);
};

// Errors are kept as samples at places of their own, after all real ones.
inline constexpr std::uint32_t kErrorPlaces = 0xffffff00;

class Service {
 public:
  static constexpr std::uint32_t kMaxRestoredPaths = 100'000;

  static Result<std::unique_ptr<Service>> make(const ServiceOptions& options,
                                               const StoreOptions& store,
                                               const Redactor& redactor,
                                               std::size_t index);

  void add(Comparison& comparison);
  // What the candidate said when asked once more (noise.resend), and what is to be asked.
  void add_repeat(const Repeat& repeat, const diff::Differences& against_first);
  std::vector<Repeat> take_repeats() { return std::exchange(repeats_, {}); }
  void tick(WallTime now);

  std::vector<EndpointRow> endpoints() const;  // by method and route
  std::optional<std::vector<FieldRow>> fields(const std::string& endpoint_id) const;
  std::optional<RouteIndex> route_of(const std::string& endpoint_id) const;
  DiffRow row_of(const Sample& sample) const;
  // As Results::resend_request.
  Result<std::optional<http::Exchange>> resend_request(SampleId id) const;
  std::vector<Finding> findings() const;
  VerdictAnswer verdict(std::optional<std::uint64_t> min_compared,
                        std::optional<double> max_mismatch_ratio) const;
  std::vector<RouteMetrics> metrics() const;

  // What changed since the last call, or everything, after what was kept is cleared.
  void collect(StoreRows& rows, bool everything);
  // Where nobody collects it: what is only kept for that.
  void drop_uncollected();
  // Before the first add(): goes on from what was kept.
  void restore(const StoreRows& rows, WallTime now);

  void forget(WallTime now);
  void set_rules(const diff::Rules& rules);
  void set_secondary(bool has);
  void set_epoch(const std::string& epoch, WallTime now);

  const ServiceOptions& options() const { return options_; }
  const Samples& samples() const { return samples_; }
  const Noise& noise() const { return noise_; }
  const RouteTable& routes() const { return routes_; }
  const PathNames& names() const { return names_; }

 private:
  // Decided on arrival; never cleared.
  struct Arrived {
    std::array<std::uint64_t, kOutcomes> outcomes{};
    std::uint64_t errors = 0;
    Histogram original, candidate, secondary;
  };

  Service(const ServiceOptions& options, const StoreOptions& store, const Redactor& redactor,
          RouteTable routes, std::size_t index);
  RouteIndex file(const std::string& method, const std::string& target,
                  const http::HeaderList& headers);
  void add_compared(Comparison& comparison, const Compared& compared, RouteIndex route);
  void learn_maps(const diff::Differences& differences, RouteIndex route);
  void refile_maps(RouteIndex route);
  // An earlier original of the key, if there is one: it serves this exchange and no other.
  std::optional<KeptOriginal> take_earlier(const Comparison& comparison);
  // The control that it makes.
  std::optional<diff::Differences> production_control(Comparison& comparison, RouteIndex route);
  const diff::RuleSet& rules_of(RouteIndex route);
  void add_error(Comparison& comparison, const ShadowError& error, RouteIndex route);
  void add_times(const Comparison& comparison, RouteIndex route);
  void add_pace(const PacePair& pair, RouteIndex route);
  void count_failure(const PacePair& pair);
  void forget_uncontrolled();
  void want_repeat(Comparison& comparison, const Pair& pair);
  void put_original(Comparison& comparison);
  void keep_pair(const Comparison& comparison, const Pair& pair);
  void keep(const Comparison& comparison, RouteIndex route, const std::vector<std::uint32_t>& places,
            Signature signature);
  void note_rate(WallTime now);
  void flag_ignored(RouteIndex route);
  void merge(const RouteMerge& merge);
  std::string id_of(RouteIndex route) const;
  RouteCounts& counts(RouteIndex route);
  Pace no_pace() const;
  RouteCounts no_counts() const;
  bool pace_proven(RouteIndex route, PaceTest test) const;
  bool pace_constant(RouteIndex route, PaceTest test) const;
  std::string explain_pace(RouteIndex route, PaceTest test) const;
  std::optional<Finding> pace_finding(RouteIndex route, PaceTest test) const;
  Finding path_finding(const RecordIndex& index) const;
  bool worth_naming(const RecordIndex& index) const;
  std::vector<RecordIndex> regressions() const;
  std::optional<std::string> failures_above(double limit) const;
  void add_not_covered(std::vector<std::string>& out) const;
  void add_route_needs(VerdictAnswer& answer) const;
  std::uint64_t total_compared() const;
  RouteKey key_of(RouteIndex route) const;
  std::vector<RecordIndex> all_records() const;
  void collect_samples(StoreRows& rows, bool everything);
  PathRow path_row(const RecordIndex& index) const;
  RouteRow route_row(RouteIndex route) const;
  void restore(const PathRow& row);
  void restore(const RouteRow& row);
  void restore(const SampleRow& row);
  void count_bucket(RouteIndex route, const char* outcome, WallTime time);

  ServiceOptions options_;
  std::uint16_t index_;
  const Redactor& redactor_;
  bool keeps_;  // there is a store
  RouteTable routes_;
  PathNames names_;
  Noise noise_;
  Samples samples_;
  HitBuilder candidate_hits_, control_hits_;
  std::vector<RouteCounts> counts_;
  std::vector<Arrived> arrived_;
  std::vector<std::size_t> flagged_;  // records of a route already checked against ignored_
  IgnoredPaths ignored_;
  Pace pace_;
  std::uint32_t next_pace_index_ = 1;
  std::vector<Repeat> repeats_;  // to be taken
  Originals originals_;
  bool served_ = false;            // the original in hand was in a control pair
  WallTime bodies_since_ = WallTime::min();  // before, some originals came without: those left would accuse
  NetCounts failures_;  // without a secondary: the original is their control; since the start
  diff::Rules rules_;
  std::map<RouteIndex, std::shared_ptr<const diff::RuleSet>> compiled_;
  KeptRequests requests_;
  std::vector<GoneRoute> gone_;    // merged since the last collect()
  std::vector<BucketRow> buckets_;  // of the time since the last collect()
  std::map<std::tuple<RouteIndex, std::int64_t, const char*>, std::size_t> bucket_of_;
  bool cleared_ = false;           // what the store has is of another epoch
  WallTime since_{std::chrono::system_clock::now()};  // of what is counted
  WallTime last_{};
  double rate_ = 0;  // comparisons a second, smoothed over about 10 s
  std::uint64_t rate_compared_ = 0;
  WallTime rate_time_{};
};

}  // namespace shadowtap::results
