#include "agent/results/service.h"

#include <algorithm>

#include "agent/results/ignored_paths.h"
#include "agent/results/sample_of.h"

namespace shadowtap::results {
namespace {

// Errors are kept as samples at places of their own, after all real ones.
std::uint32_t error_place(http::AnswerError error) {
  return 0xffffff00U + static_cast<std::uint32_t>(error);
}

bool failed(int status) { return status >= 500; }

}  // namespace

void RouteCounts::merge(const RouteCounts& other) {
  exchanges += other.exchanges;
  compared += other.compared;
  errors += other.errors;
  refused += other.refused;
  not_comparable += other.not_comparable;
  skipped += other.skipped;
  original.merge(other.original);
  candidate.merge(other.candidate);
  secondary.merge(other.secondary);
}

Result<std::unique_ptr<Service>> Service::make(const ServiceOptions& options,
                                               const StoreOptions& store,
                                               const Redactor& redactor,
                                               std::size_t index) {
  RouteOptions route_options;
  route_options.patterns = options.routes;
  route_options.max_routes = options.max_routes;
  auto routes = RouteTable::make(route_options);
  if (!routes) return routes.error();
  return std::unique_ptr<Service>(new Service(options, store, redactor, std::move(*routes), index));
}

Service::Service(const ServiceOptions& options, const StoreOptions& store,
                 const Redactor& redactor, RouteTable routes, std::size_t index)
    : options_(options), redactor_(redactor), routes_(std::move(routes)), noise_(options.noise),
      samples_({store.samples, store.max_bytes / 4, store.max_age}, index) {}

RouteCounts& Service::counts(RouteIndex route) {
  if (route >= counts_.size()) {
    counts_.resize(route + 1);
    arrived_.resize(route + 1);
    flagged_.resize(route + 1);
  }
  return counts_[route];
}

RouteIndex Service::file(const Comparison& comparison) {
  const auto canonical = comparison.exchange.request.headers.find("Canonical-Resource");
  const RouteIndex route =
      routes_.resolve(comparison.method, comparison.target, canonical.value_or(""));
  for (const RouteMerge& one : routes_.take_merges()) merge(one);
  return route;
}

void Service::merge(const RouteMerge& merge) {
  counts(std::max(merge.from, merge.into));
  const std::vector<std::uint32_t> moved = noise_.merge_routes(merge.from, merge.into);
  samples_.merge_routes(merge.from, merge.into, moved);
  counts_[merge.into].merge(counts_[merge.from]);
  counts_[merge.into].dirty = true;
  counts_[merge.from] = {};
  flagged_[merge.into] = 0;
  flag_ignored(merge.into);
}

void Service::add(Comparison& comparison) {
  const RouteIndex route = file(comparison);
  RouteCounts& c = counts(route);
  if (since_ == WallTime{}) since_ = comparison.time;
  last_ = std::max(last_, comparison.time);
  ++c.exchanges;
  c.dirty = true;
  if (const auto* compared = std::get_if<Compared>(&comparison.ending)) {
    ++c.compared;
    add_compared(comparison, *compared, route);
  } else if (const auto* error = std::get_if<ShadowError>(&comparison.ending)) {
    ++c.errors;
    add_error(comparison, *error, route);
  } else if (std::holds_alternative<http::Refused>(comparison.ending)) {
    ++c.refused;
  } else if (std::holds_alternative<http::NotComparable>(comparison.ending)) {
    ++c.not_comparable;
  } else {
    ++c.skipped;
  }
  add_times(comparison, route);
}

void Service::add_compared(const Comparison& comparison, const Compared& compared,
                           RouteIndex route) {
  const bool with_secondary = compared.control.has_value() && comparison.secondary_speaks;
  Pair pair;
  pair.route = route;
  pair.key = comparison.request_key;
  pair.time = comparison.time;
  pair.control = with_secondary ? Control::kSecondary : Control::kNone;
  pair.candidate = candidate_hits_.build(compared.candidate, names_, true);
  if (with_secondary) pair.control_hits = control_hits_.build(*compared.control, names_, false);
  pair.rules_took = compared.ignored.has_value() && !compared.ignored->all.empty();
  const Outcome outcome = noise_.add(pair);
  ++arrived_[route].outcomes[static_cast<std::size_t>(outcome)];
  if (pair.candidate.empty()) return;
  flag_ignored(route);

  Signature signature;
  signature.rules_took = pair.rules_took;
  std::vector<std::uint32_t> places;
  for (const Hit& hit : pair.candidate) {
    const std::uint32_t record = noise_.record_of(route, hit.path, hit.kind);
    const bool control_too = std::any_of(
        pair.control_hits.begin(), pair.control_hits.end(),
        [&](const Hit& other) { return other.place() == hit.place(); });
    signature.parts.push_back({record, control_too});
    places.push_back(record);
  }
  keep(comparison, route, places, std::move(signature));
}

void Service::add_error(const Comparison& comparison, const ShadowError& error, RouteIndex route) {
  const bool with_secondary = comparison.secondary.has_value();
  const bool control_failed =
      with_secondary ? !comparison.secondary->ok() || failed(comparison.secondary->response.status)
                     : failed(comparison.original_status);
  noise_.add_error(comparison.request_key, comparison.time,
                   with_secondary ? Control::kSecondary : Control::kNone, control_failed);
  ++arrived_[route].errors;
  keep(comparison, route, {error_place(error.error)}, {});
}

void Service::add_times(const Comparison& comparison, RouteIndex route) {
  RouteCounts& c = counts_[route];
  Arrived& arrived = arrived_[route];
  if (comparison.original_last_byte) {
    c.original.add(*comparison.original_last_byte);
    arrived.original.add(*comparison.original_last_byte);
  }
  const bool error = std::holds_alternative<ShadowError>(comparison.ending);
  if (!error && !std::holds_alternative<Compared>(comparison.ending)) return;
  const http::Answer* candidate =
      comparison.candidate && comparison.candidate->ok() ? &*comparison.candidate : nullptr;
  const http::Answer* secondary =
      comparison.secondary && comparison.secondary->ok() ? &*comparison.secondary : nullptr;
  PacePair pair;
  pair.time = comparison.time;
  pair.with_secondary = comparison.secondary.has_value() && comparison.secondary_speaks;
  pair.candidate_failed = error || failed(comparison.candidate_status);
  pair.control_failed = pair.with_secondary
                            ? secondary == nullptr || failed(secondary->response.status)
                            : failed(comparison.original_status);
  if (candidate != nullptr) {
    c.candidate.add(candidate->to_last_byte);
    arrived.candidate.add(candidate->to_last_byte);
    pair.candidate = candidate->to_last_byte;
  }
  if (secondary != nullptr) {
    c.secondary.add(secondary->to_last_byte);
    arrived.secondary.add(secondary->to_last_byte);
  }
  if (pair.with_secondary) {
    if (secondary != nullptr) pair.control = secondary->to_last_byte;
  } else {
    pair.control = comparison.original_last_byte;
    if (pair.candidate) *pair.candidate -= candidate->round_trip;
  }
  c.pace.add(pair);
  pace_.add(pair);
}

void Service::keep(const Comparison& comparison, RouteIndex route,
                   const std::vector<std::uint32_t>& places, Signature signature) {
  const std::vector<std::uint32_t> wanting = samples_.wanted(route, places, comparison.time);
  if (wanting.empty()) return;
  Sample sample;
  sample.id = samples_.next_id(comparison.time);
  sample.route = route;
  sample.detail = detail_of(comparison, options_.name, redactor_);
  sample.detail.row.id = to_id(sample.id);
  sample.signature = std::move(signature);
  sample.bytes = bytes_of(sample.detail);
  samples_.add(std::move(sample), wanting);
}

void Service::tick(WallTime now) {
  last_ = std::max(last_, now);
  pace_.close(now);
  for (RouteCounts& c : counts_) c.pace.close(now);
  samples_.expire(now);
  note_rate(now);
}

void Service::note_rate(WallTime now) {
  const double seconds = std::chrono::duration<double>(now - rate_time_).count();
  if (seconds < 1) return;
  const std::uint64_t compared = total_compared();
  if (rate_time_ != WallTime{} && compared >= rate_compared_) {
    const double current = static_cast<double>(compared - rate_compared_) / seconds;
    rate_ += std::min(1.0, seconds / 10) * (current - rate_);
  }
  rate_compared_ = compared;
  rate_time_ = now;
}

void Service::flag_ignored(RouteIndex route) {
  RoutePaths& paths = noise_.route(route);
  for (std::size_t& i = flagged_[route]; i < paths.records.size(); ++i) {
    PathRecord& record = paths.records[i];
    record.ignored = is_ignored(names_.name(record.path), ignored_);
  }
}

void Service::set_ignored(const std::vector<std::string>& paths) {
  ignored_ = paths;
  for (RouteIndex route = 0; route < noise_.routes().size(); ++route) {
    counts(route);
    flagged_[route] = 0;
    flag_ignored(route);
  }
}

void Service::set_rules(const diff::Rules&) {}

void Service::set_epoch(const std::string& epoch, WallTime now) {
  if (epoch == options_.epoch) return;
  options_.epoch = epoch;
  forget(now);
}

void Service::forget(WallTime now) {
  noise_.clear();
  samples_.clear();
  counts_.assign(counts_.size(), {});
  flagged_.assign(flagged_.size(), 0);
  pace_ = {};
  since_ = now;
}

}  // namespace shadowtap::results
