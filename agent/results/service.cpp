#include "agent/results/service.h"

#include <algorithm>

#include "agent/results/failures.h"
#include "agent/results/sample_of.h"

namespace shadowtap::results {
namespace {

constexpr std::size_t kMaxRepeats = 64;  // waiting to be taken

std::uint32_t error_place(http::AnswerError error) {
  return kErrorPlaces + static_cast<std::uint32_t>(error);
}

bool is_safe(const std::string& method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

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
  for (const std::string& map : other.maps.all()) maps.learn(map + ".*");
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
    : options_(options), index_(static_cast<std::uint16_t>(index)), redactor_(redactor), keeps_(!store.data_dir.empty()), routes_(std::move(routes)), noise_(options.noise),
      samples_({store.samples, store.max_bytes / 4, store.max_age}, index), pace_(no_pace()),
      originals_({.window = options.noise.window}) {}

Pace Service::no_pace() const {
  Pace none;
  none.set_secondary(noise_.options().has_secondary);
  return none;
}

RouteCounts Service::no_counts() const {
  RouteCounts none;
  none.pace = no_pace();
  return none;
}

RouteCounts& Service::counts(RouteIndex route) {
  if (route >= counts_.size()) {
    counts_.resize(route + 1, no_counts());
    arrived_.resize(route + 1);
    flagged_.resize(route + 1);
  }
  return counts_[route];
}

RouteIndex Service::file(const std::string& method, const std::string& target,
                         const http::HeaderList& headers) {
  const auto canonical = headers.find("Canonical-Resource");
  const RouteIndex route = routes_.resolve(method, target, canonical.value_or(""));
  for (const RouteMerge& one : routes_.take_merges()) merge(one);
  return route;
}

void Service::merge(const RouteMerge& merge) {
  counts(std::max(merge.from, merge.into));
  const std::vector<std::uint32_t> moved = noise_.merge_routes(merge.from, merge.into);
  samples_.merge_routes(merge.from, merge.into, moved);
  counts_[merge.into].merge(counts_[merge.from]);
  counts_[merge.into].dirty = true;
  counts_[merge.from] = no_counts();
  refile_maps(merge.into);
  if (keeps_) {
    gone_.push_back({key_of(merge.from), key_of(merge.into)});
    for (BucketRow& bucket : buckets_) {
      if (bucket.key == gone_.back().from) bucket.key = gone_.back().into;
    }
  }
  flagged_[merge.into] = 0;
  flag_ignored(merge.into);
}

void Service::add(Comparison& comparison) {
  const RouteIndex route =
      file(comparison.method, comparison.target, comparison.exchange.request.headers);
  RouteCounts& c = counts(route);
  since_ = std::min(since_, comparison.time);  // a file's exchanges are older than we are
  last_ = std::max(last_, comparison.time);
  ++c.exchanges;
  c.dirty = true;
  served_ = false;
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

void Service::add_compared(Comparison& comparison, const Compared& compared, RouteIndex route) {
  learn_maps(compared.candidate, route);
  const MapPaths& maps = counts_[route].maps;
  Pair pair;
  pair.route = route;
  pair.key = comparison.request_key;
  pair.time = comparison.time;
  pair.rules_took = compared.candidate.ignored;
  pair.candidate = candidate_hits_.build(compared.candidate, names_, maps, true);
  if (compared.control && comparison.secondary_speaks) {
    pair.control = Control::kSecondary;
    pair.control_hits = control_hits_.build(*compared.control, names_, maps, false);
  } else if (compared.control) {
    // Sent too far apart: without control.
  } else if (const auto earlier = production_control(comparison, route)) {
    pair.control = Control::kProduction;
    pair.control_hits = control_hits_.build(*earlier, names_, maps, false);
  }
  const Outcome outcome = noise_.add(pair);
  if (secondary_is_control(comparison) && no_answer(comparison.secondary)) {
    noise_.add_error(pair.key, pair.time, Control::kSecondary, failed(comparison.candidate_status), true);
  }
  ++arrived_[route].outcomes[static_cast<std::size_t>(outcome)];
  if (keeps_) count_bucket(route, to_string(outcome), comparison.time);
  if (!pair.candidate.empty() || !pair.control_hits.empty()) flag_ignored(route);
  if (!pair.candidate.empty()) keep_pair(comparison, pair);
  put_original(comparison);
  if (options_.noise.resend) want_repeat(comparison, pair);
}

// Once more, where something differs and nobody better says whether that is noise.
void Service::want_repeat(Comparison& comparison, const Pair& pair) {
  if (pair.candidate.empty() || pair.control != Control::kNone || !is_safe(comparison.method)) return;
  const auto speaks = speaking(noise_.route(pair.route).pairs, noise_.options());
  if (speaks && *speaks < Control::kItself) return;
  if (repeats_.size() >= kMaxRepeats || answered(comparison.candidate) == nullptr) return;
  Repeat repeat;
  repeat.exchange = std::move(comparison.exchange);
  repeat.exchange.original = std::move(comparison.candidate->response);
  repeat.found = std::move(std::get<Compared>(comparison.ending).candidate);
  repeat.time = comparison.time;
  repeat.shard = comparison.shard;
  repeats_.push_back(std::move(repeat));
}

void Service::add_repeat(const Repeat& repeat, const diff::Differences& against_first) {
  const http::Request& request = repeat.exchange.request;
  const RouteIndex route = file(request.method, request.target, request.headers);
  counts(route).dirty = true;
  const MapPaths& maps = counts_[route].maps;
  Pair pair;
  pair.route = route;
  pair.time = repeat.time;
  pair.control = Control::kItself;
  pair.candidate = candidate_hits_.build(repeat.found, names_, maps, true);
  pair.control_hits = control_hits_.build(against_first, names_, maps, false);
  noise_.add_repeat(pair);
  flag_ignored(route);
}

void Service::keep_pair(const Comparison& comparison, const Pair& pair) {
  Signature signature;
  signature.rules_took = pair.rules_took;
  std::vector<std::uint32_t> places;
  for (const Hit& hit : pair.candidate) {
    const std::uint32_t record = noise_.record_of(pair.route, hit.path, hit.kind);
    const bool control_too =
        std::any_of(pair.control_hits.begin(), pair.control_hits.end(),
                    [&](const Hit& other) { return other.place() == hit.place(); });
    signature.parts.push_back({record, control_too});
    places.push_back(record);
  }
  keep(comparison, pair.route, places, std::move(signature));
}

void Service::learn_maps(const diff::Differences& differences, RouteIndex route) {
  MapPaths& maps = counts_[route].maps;
  bool found = false;
  for (const diff::Difference& one : differences.all) found |= maps.learn(one.aggregated);
  if (found) refile_maps(route);
}

// What was counted at the keys of an object that turns out to be a map goes to `.*`.
void Service::refile_maps(RouteIndex route) {
  const MapPaths& maps = counts_[route].maps;
  if (maps.empty()) return;
  const std::size_t n = noise_.route(route).records.size();
  for (std::uint32_t i = 0; i < n; ++i) {
    const PathRecord& record = noise_.route(route).records[i];
    if (record.path == kGonePath || record.path == kOtherPath) continue;
    const PathId moved = names_.id(maps.rewrite(names_.name(record.path)));
    if (moved == record.path) continue;
    const std::uint32_t into = noise_.record_of(route, moved, record.kind);
    noise_.merge_records(route, i, into);
    samples_.merge_record(route, i, into);
  }
}

std::optional<KeptOriginal> Service::take_earlier(const Comparison& comparison) {
  const auto& original = comparison.exchange.original;
  if (comparison.request_key == 0 || comparison.original_hash == 0 || !original) return std::nullopt;
  // A shard that drops the bodies of what matched leaves only pairs that accuse.
  if (original->body.bytes.empty() && original->body.size > 0) {
    bodies_since_ = comparison.time + options_.noise.window;
  }
  if (comparison.time < bodies_since_ || !original->body.whole()) return std::nullopt;
  auto earlier = originals_.take(comparison.request_key, comparison.time);
  served_ = earlier.has_value();
  return earlier;
}

std::optional<diff::Differences> Service::production_control(Comparison& comparison,
                                                             RouteIndex route) {
  const auto earlier = take_earlier(comparison);
  if (!earlier) return std::nullopt;
  KeptOriginal now{comparison.time, comparison.original_hash, std::move(*comparison.exchange.original)};
  diff::Differences found = differences_of(now, *earlier, comparison.method == "HEAD", rules_of(route));
  comparison.exchange.original = std::move(now.response);
  return found;
}

// Each original serves in one control pair: this one, if it had none, waits for its own.
void Service::put_original(Comparison& comparison) {
  auto& original = comparison.exchange.original;
  if (comparison.request_key == 0 || comparison.original_hash == 0 || !original) return;
  if (comparison.secondary_speaks || served_ || comparison.time < bodies_since_) return;
  if (!original->body.whole()) return;
  originals_.put(comparison.request_key,
                 {comparison.time, comparison.original_hash, std::move(*original)});
}

const diff::RuleSet& Service::rules_of(RouteIndex route) {
  auto& compiled = compiled_[route];
  std::string error;
  if (!compiled) compiled = diff::RuleSet::compile(rules_, routes_.at(route).name, error);
  if (!compiled) compiled = diff::RuleSet::none();
  return *compiled;
}

// Where the original is the control, an error stands among the exchanges that it would have
// been one of with an answer: those with an earlier original, or those without any control.
// Were all errors added to the pairs of a few hot keys, they would seem to fail far more often.
void Service::add_error(Comparison& comparison, const ShadowError& error, RouteIndex route) {
  const auto count = [&](Control control, bool control_failed) {
    noise_.add_error(comparison.request_key, comparison.time, control, true, control_failed);
  };
  const bool beside_secondary = secondary_is_control(comparison);
  const bool beside_original = !beside_secondary || no_answer(comparison.secondary);
  if (beside_secondary) count(Control::kSecondary, secondary_failed(comparison));
  if (beside_original) {
    const Control control = take_earlier(comparison) ? Control::kProduction : Control::kNone;
    count(control, failed(comparison.original_status));
  }
  ++arrived_[route].errors;
  if (keeps_) count_bucket(route, "error", comparison.time);
  keep(comparison, route, {error_place(error.error)}, {});
  if (beside_original) put_original(comparison);
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
  const http::Answer* candidate = answered(comparison.candidate);
  const http::Answer* secondary = answered(comparison.secondary);
  if (candidate != nullptr) {
    c.candidate.add(candidate->to_last_byte);
    arrived.candidate.add(candidate->to_last_byte);
  }
  if (secondary != nullptr) {
    c.secondary.add(secondary->to_last_byte);
    arrived.secondary.add(secondary->to_last_byte);
  }
  PacePair pair;
  pair.time = comparison.time;
  pair.candidate_failed = error || failed(comparison.candidate_status);
  if (secondary_is_control(comparison)) {
    pair.with_secondary = true;
    pair.control_failed = secondary_failed(comparison);
    if (comparison.secondary_speaks && candidate != nullptr) pair.candidate = candidate->to_last_byte;
    if (comparison.secondary_speaks && secondary != nullptr) pair.control = secondary->to_last_byte;
    add_pace(pair, route);
    if (!no_answer(comparison.secondary)) return;
    pair.with_secondary = false;
  }
  pair.control_failed = failed(comparison.original_status);
  pair.control = comparison.original_last_byte;
  if (candidate != nullptr) pair.candidate = candidate->to_last_byte - candidate->round_trip;
  if (!secondary_is_control(comparison)) count_failure(pair);
  add_pace(pair, route);
}

void Service::count_failure(const PacePair& pair) {
  ++(pair.candidate_failed == pair.control_failed ? failures_.zero
     : pair.candidate_failed                      ? failures_.plus
                                                  : failures_.minus);
}

void Service::add_pace(const PacePair& pair, RouteIndex route) {
  RouteCounts& c = counts_[route];
  if (c.pace_index == 0) c.pace_index = next_pace_index_++;
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
  requests_.keep(sample.id, comparison.exchange);
  samples_.add(std::move(sample), wanting);
}

void Service::tick(WallTime now) {
  last_ = std::max(last_, now);
  pace_.close(now);
  for (RouteCounts& c : counts_) c.pace.close(now);
  samples_.expire(now);
  requests_.expire(samples_, now);
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
  const std::string& name = routes_.at(route).name;
  for (std::size_t& i = flagged_[route]; i < paths.records.size(); ++i) {
    PathRecord& record = paths.records[i];
    record.ignored = ignored_.take(name, names_.name(record.path), record.kind);
  }
}

void Service::set_rules(const diff::Rules& rules) {
  rules_ = rules;
  compiled_.clear();
  ignored_ = IgnoredPaths(rules.ignore);
  for (RouteIndex route = 0; route < noise_.routes().size(); ++route) {
    counts(route);
    flagged_[route] = 0;
    flag_ignored(route);
  }
}

void Service::set_secondary(bool has) {
  if (has && !noise_.options().has_secondary) forget_uncontrolled();
  noise_.options().has_secondary = has;
  pace_.set_secondary(has);
  for (RouteCounts& c : counts_) c.pace.set_secondary(has);
}

// Exchanges of the time before there was a control say nothing against those that have one.
void Service::forget_uncontrolled() {
  noise_.net()[static_cast<std::size_t>(Control::kNone)] = {};
}

void Service::set_epoch(const std::string& epoch, WallTime now) {
  if (epoch == options_.epoch) return;
  options_.epoch = epoch;
  forget(now);
}

void Service::forget(WallTime now) {
  noise_.clear();
  samples_.clear();
  counts_.assign(counts_.size(), no_counts());
  flagged_.assign(flagged_.size(), 0);
  pace_ = no_pace();
  failures_ = {};
  next_pace_index_ = 1;
  repeats_.clear();
  originals_.clear();
  requests_.clear();
  cleared_ = true;
  since_ = now;
}

}  // namespace shadowtap::results
