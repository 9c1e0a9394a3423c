// What the store keeps, as rows: the only form in which results and store speak. A batch
// is written whole or not at all. Plain data, moved between threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace shadowtap::results {

struct ServiceRow {
  std::string name, epoch;
  std::int64_t since_ns = 0;
  std::uint32_t next_index = 1;
  std::string net, pace;
  std::string given_up;  // places of the route table, one a line
  std::uint32_t next_pace = 1;
};

struct RouteKey {
  std::string service, method, route;
  bool operator==(const RouteKey&) const = default;
};

struct GoneRoute {  // merged into another, and so are its buckets
  RouteKey from, into;
};

struct RouteRow {
  RouteKey key;
  std::uint64_t exchanges = 0, compared = 0, errors = 0, refused = 0, not_comparable = 0, skipped = 0;
  std::string pairs, pace, original, candidate, secondary, signatures, maps;
  std::uint32_t pace_index = 0;
};

// `number` is the place in the route's records, which signatures and samples speak of.
struct PathRow {
  RouteKey key;
  std::uint32_t number = 0;
  std::string path;  // empty: merged into another
  std::uint8_t kind = 0, shape = 0;
  std::string counts, latch;
  std::uint32_t keys = 0;  // how many request keys it was seen on; which, no disk learns
};

struct SampleRow {
  std::uint64_t id = 0;
  RouteKey key;
  std::int64_t time_ns = 0;
  std::string parts;     // "rules_took record:control_too …"
  std::string document;  // DiffDetail as JSON, redacted
};

// Outcomes of one minute, to be added to what stands there.
struct BucketRow {
  RouteKey key;
  std::int64_t minute = 0;
  std::string outcome;
  std::uint64_t n = 0;
};

struct StoreRows {
  std::vector<std::string> cleared;  // services whose rows go before the others come,
  std::vector<std::string> forgotten;  // and whose buckets, that are nowhere else, go as well
  std::vector<GoneRoute> gone;
  std::vector<ServiceRow> services;
  std::vector<RouteRow> routes;
  std::vector<PathRow> paths;
  std::vector<std::uint64_t> removed_samples;
  std::vector<SampleRow> samples;
  std::vector<BucketRow> buckets;

  bool empty() const {
    return cleared.empty() && gone.empty() && services.empty() && routes.empty() && paths.empty() &&
           removed_samples.empty() && samples.empty() && buckets.empty() && forgotten.empty();
  }
};

}  // namespace shadowtap::results
