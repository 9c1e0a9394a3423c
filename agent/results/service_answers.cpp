// What a service answers when asked. Reading changes nothing.
#include <fmt/format.h>

#include <algorithm>

#include "agent/base/text.h"
#include "agent/results/sample_of.h"
#include "agent/results/service.h"

namespace shadowtap::results {
namespace {

Latency latency_of(const Histogram& histogram) {
  return {in_milliseconds(histogram.percentile(0.5)), in_milliseconds(histogram.percentile(0.9)),
          in_milliseconds(histogram.percentile(0.99))};
}

std::uint64_t fnv1a(std::string_view text, std::uint64_t hash) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return (hash ^ 0xff) * 0x100000001b3;
}

}  // namespace

std::string to_id(std::uint64_t number) { return fmt::format("{:016x}", number); }

std::string Service::id_of(RouteIndex route) const {
  const Route& r = routes_.at(route);
  return to_id(fnv1a(r.name, fnv1a(r.method, fnv1a(options_.name, 0xcbf29ce484222325))));
}

std::optional<RouteIndex> Service::route_of(const std::string& endpoint_id) const {
  for (RouteIndex i = 0; i < counts_.size(); ++i) {
    if (counts_[i].exchanges > 0 && id_of(i) == endpoint_id) return i;
  }
  return std::nullopt;
}

std::vector<EndpointRow> Service::endpoints() const {
  std::vector<EndpointRow> rows;
  for (RouteIndex i = 0; i < counts_.size(); ++i) {
    const RouteCounts& c = counts_[i];
    if (c.exchanges == 0) continue;
    EndpointRow row;
    row.id = id_of(i);
    row.service = options_.name;
    row.method = routes_.at(i).method;
    row.route = routes_.at(i).name;
    row.exchanges = c.exchanges;
    row.compared = c.compared;
    const auto outcomes = noise_.outcomes(i);
    for (std::size_t k = 0; k < kOutcomes; ++k) {
      row.outcomes[to_string(static_cast<Outcome>(k))] = outcomes[k];
    }
    row.outcomes["error"] = c.errors;
    row.outcomes["not_comparable"] = c.not_comparable;
    const std::uint64_t judged = c.compared + c.errors;
    const std::uint64_t bad = outcomes[static_cast<std::size_t>(Outcome::kMismatch)] + c.errors;
    row.mismatch_ratio =
        judged == 0 ? 0 : static_cast<double>(bad) / static_cast<double>(judged);
    row.original = latency_of(c.original);
    row.candidate = latency_of(c.candidate);
    rows.push_back(std::move(row));
  }
  std::sort(rows.begin(), rows.end(), [](const EndpointRow& a, const EndpointRow& b) {
    return std::tie(a.route, a.method) < std::tie(b.route, b.method);
  });
  return rows;
}

std::optional<std::vector<FieldRow>> Service::fields(const std::string& endpoint_id) const {
  const auto route = route_of(endpoint_id);
  if (!route) return std::nullopt;
  const RoutePaths* paths = noise_.find(*route);
  std::map<std::string, FieldRow> rows;
  if (paths == nullptr) return std::vector<FieldRow>{};
  const auto control = speaking(paths->pairs, noise_.options()).value_or(Control::kNone);
  for (std::uint32_t i = 0; i < paths->records.size(); ++i) {
    const PathRecord& record = paths->records[i];
    const std::uint64_t raw = record.differing();
    std::uint64_t noise = 0;
    if (const ControlCounts* one = record.find(control)) noise = one->control_differs();
    if (record.path == kGonePath || raw + noise == 0) continue;
    FieldRow& row = rows[names_.name(record.path)];
    const Status status = noise_.status({*route, i});
    const bool stronger = row.path.empty() || status == Status::kRegression ||
                          (status == Status::kInsufficient && row.verdict == "noise");
    row.path = names_.name(record.path);
    row.kinds[std::string(diff::to_string(record.kind))] += raw;
    row.raw += raw;
    row.noise += noise;
    row.total = counts_[*route].compared;
    row.ignored = record.ignored;
    if (row.verdict == "regression" || !stronger) continue;
    row.verdict = to_string(status);
    row.explain = explain(record, paths->pairs, noise_.options());
  }
  std::vector<FieldRow> sorted;
  for (auto& [path, row] : rows) sorted.push_back(std::move(row));
  return sorted;
}

DiffRow Service::row_of(const Sample& sample) const {
  DiffRow row = sample.detail.row;
  row.route = routes_.at(sample.route).name;
  row.outcome = sample.detail.error.empty() ? to_string(noise_.outcome(sample.route, sample.signature))
                                            : "error";
  return row;
}

namespace {

bool is_secret(const std::string& text) { return text.find("redacted:") != std::string::npos; }

// What is shown as it was on the wire; nothing where something was redacted or cut.
std::optional<http::Response> as_captured(const ShownMessage& shown) {
  if (!shown.body_is_text || shown.body.size() != shown.body_size || is_secret(shown.body)) {
    return std::nullopt;
  }
  http::Response response;
  response.status = shown.status;
  for (const auto& [name, value] : shown.headers) {
    if (is_secret(value) || equal_ignoring_case(name, "Content-Encoding")) return std::nullopt;
    response.headers.append(name, value);
  }
  response.body.bytes = shown.body;
  response.body.size = shown.body_size;
  return response;
}

}  // namespace

Result<std::optional<http::Exchange>> Service::resend_request(SampleId id) const {
  const Sample* sample = samples_.find(id);
  if (sample == nullptr) return std::optional<http::Exchange>{};
  if (const http::Exchange* kept = requests_.find(id)) return std::optional(*kept);
  // Where nothing was redacted and nothing cut, what is shown is what was sent.
  const ShownMessage& shown = sample->detail.request;
  bool whole = shown.body_is_text && shown.body.size() == shown.body_size && !is_secret(shown.body) &&
               !is_secret(sample->detail.row.uri);
  http::Exchange exchange;
  exchange.request.method = sample->detail.row.method;
  exchange.request.target = sample->detail.row.uri;
  for (const auto& [name, value] : shown.headers) {
    whole = whole && !is_secret(value);
    exchange.request.headers.append(name, value);
  }
  if (!whole) return plain_error("credentials_not_kept");
  exchange.request.body.bytes = shown.body;
  exchange.request.body.size = shown.body_size;
  exchange.service = index_;
  if (sample->detail.original) exchange.original = as_captured(*sample->detail.original);
  if (!exchange.original) return plain_error("original_not_kept");
  return std::optional(std::move(exchange));
}

const std::vector<double>& response_bounds() {
  static const std::vector<double> bounds{.001, .0025, .005, .01, .025, .05, .1,
                                          .25,  .5,    1,    2.5, 5,    10};
  return bounds;
}

namespace {

RouteMetrics::Times times_of(const Histogram& histogram) {
  RouteMetrics::Times times;
  std::uint64_t before = 0;
  for (const double bound : response_bounds()) {
    const auto ns = static_cast<std::int64_t>(bound * 1e9);
    const std::uint64_t upto = histogram.at_most(Duration(ns));
    times.counts.push_back(upto - before);
    before = upto;
  }
  times.counts.push_back(histogram.total() - before);
  times.sum_seconds = histogram.sum_seconds();
  return times;
}

}  // namespace

std::vector<RouteMetrics> Service::metrics() const {
  std::vector<RouteMetrics> rows;
  for (RouteIndex i = 0; i < arrived_.size(); ++i) {
    const Arrived& a = arrived_[i];
    RouteMetrics row;
    row.service = options_.name;
    row.method = routes_.at(i).method;
    row.route = routes_.at(i).name;
    for (std::size_t k = 0; k < kOutcomes; ++k) {
      if (a.outcomes[k] > 0) row.outcomes[to_string(static_cast<Outcome>(k))] = a.outcomes[k];
    }
    if (a.errors > 0) row.outcomes["error"] = a.errors;
    row.original = times_of(a.original);
    row.candidate = times_of(a.candidate);
    row.secondary = times_of(a.secondary);
    if (!row.outcomes.empty() || a.original.total() > 0) rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace shadowtap::results
