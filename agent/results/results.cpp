#include "agent/results/results.h"

#include <algorithm>
#include <charconv>

#include "agent/results/sample_of.h"
#include "agent/results/service.h"
#include "agent/results/store.h"

namespace shadowtap::results {
namespace {

constexpr Duration kFlushDeadline = 10s;

std::optional<std::uint64_t> parse_id(std::string_view text) {
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return id;
}

// Rows are sorted by `key`; a cursor is the key of the last row given out, so that rows
// that come and go do not shift a page.
template <class Row, class Key>
Page<Row> page_of(std::vector<Row> rows, const std::string& cursor, std::size_t limit, Key key) {
  auto first = rows.begin();
  if (!cursor.empty()) {
    first = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return key(row) > cursor; });
  }
  Page<Row> page;
  const auto left = static_cast<std::size_t>(rows.end() - first);
  const auto last = first + static_cast<long>(std::min(left, limit));
  page.rows.assign(std::make_move_iterator(first), std::make_move_iterator(last));
  if (left > limit && !page.rows.empty()) page.next = key(page.rows.back());
  return page;
}

std::string endpoint_key(const EndpointRow& row) {
  return row.service + '\n' + row.route + '\n' + row.method;
}

class KeptResults : public Results {
 public:
  explicit KeptResults(const ResultsOptions& options)
      : options_(options), redactor_(options.redaction) {}

  Result<> open_services() {
    StoreOptions share = options_.store;  // of one service
    share.max_bytes /= std::max<std::size_t>(options_.services.size(), 1);
    for (const ServiceOptions& one : options_.services) {
      auto made = Service::make(one, share, redactor_, services_.size());
      if (!made) return made.error();
      services_.push_back(std::move(*made));
    }
    if (!options_.store.data_dir.empty()) restore();
    for (const auto& service : services_) verdicts_.push_back(service->verdict({}, {}).verdict);
    return {};
  }

  void add(Comparison comparison) override {
    const std::size_t service = comparison.exchange.service;
    if (service < services_.size()) services_[service]->add(comparison);
  }

  std::vector<Repeat> take_repeats() override {
    std::vector<Repeat> all;
    for (const auto& service : services_) {
      std::vector<Repeat> more = service->take_repeats();
      std::move(more.begin(), more.end(), std::back_inserter(all));
    }
    return all;
  }

  void add_repeat(const Repeat& repeat, const diff::Differences& against_first) override {
    const std::size_t service = repeat.exchange.service;
    if (service < services_.size()) services_[service]->add_repeat(repeat, against_first);
  }

  void tick(WallTime now) override {
    for (const auto& service : services_) service->tick(now);
    if (now - last_flush_ >= options_.store.flush_interval) {
      last_flush_ = now;
      hand_to_store(now);
    }
    if (now - last_verdict_ < 1s) return;
    last_verdict_ = now;
    for (std::size_t i = 0; i < services_.size(); ++i) note_verdict(i, now);
  }

  Page<EndpointRow> endpoints(const std::string& service, const std::string& cursor,
                              std::size_t limit) const override {
    std::vector<EndpointRow> rows;
    for (const Service* one : named(service)) {
      std::vector<EndpointRow> more = one->endpoints();
      std::move(more.begin(), more.end(), std::back_inserter(rows));
    }
    std::sort(rows.begin(), rows.end(), [](const EndpointRow& a, const EndpointRow& b) {
      return endpoint_key(a) < endpoint_key(b);
    });
    return page_of(std::move(rows), cursor, limit, endpoint_key);
  }

  std::optional<Page<FieldRow>> fields(const std::string& endpoint_id, const std::string& cursor,
                                       std::size_t limit) const override {
    for (const auto& service : services_) {
      if (auto rows = service->fields(endpoint_id)) {
        return page_of(std::move(*rows), cursor, limit, [](const FieldRow& row) { return row.path; });
      }
    }
    return std::nullopt;
  }

  Page<DiffRow> diffs(const DiffQuery& query) const override;
  std::optional<DiffDetail> diff(const std::string& id) const override;

  Result<std::optional<http::Exchange>> resend_request(const std::string& id) const override {
    const auto number = parse_id(id);
    if (!number) return std::optional<http::Exchange>{};
    for (const auto& service : services_) {
      if (service->samples().find(*number) != nullptr) return service->resend_request(*number);
    }
    return std::optional<http::Exchange>{};
  }

  VerdictAnswer verdict(const std::string& service, std::optional<std::uint64_t> min_compared,
                        std::optional<double> max_mismatch_ratio) const override;

  std::vector<Finding> findings(const std::string& service) const override {
    std::vector<Finding> all;
    for (const Service* one : named(service)) {
      std::vector<Finding> more = one->findings();
      std::move(more.begin(), more.end(), std::back_inserter(all));
    }
    return all;
  }

  ResultsHealth health() const override { return store_ ? store_->health() : ResultsHealth{}; }

  bool forget(const std::string& service) override {
    bool any = false;
    for (Service* one : named(service)) {
      one->forget(now());
      any = true;
    }
    return any;
  }

  void set_rules(const std::string& service, const diff::Rules& rules) override {
    for (Service* one : named(service)) one->set_rules(rules);
  }
  void set_secondary(const std::string& service, bool has) override {
    for (Service* one : named(service)) one->set_secondary(has);
  }
  void set_epoch(const std::string& service, const std::string& epoch) override {
    for (Service* one : named(service)) one->set_epoch(epoch, now());
  }

  std::vector<RouteMetrics> metrics() const override {
    std::vector<RouteMetrics> all;
    for (const auto& service : services_) {
      std::vector<RouteMetrics> more = service->metrics();
      std::move(more.begin(), more.end(), std::back_inserter(all));
    }
    return all;
  }

  std::vector<VerdictChange> take_verdict_changes() override {
    return std::exchange(changes_, {});
  }

  Result<> flush() override {
    if (!store_ || !store_->writable()) return {};
    hand_to_store(now());
    if (Result<> done = store_->flush(kFlushDeadline); !done) return done;
    // What the full queue held back the first time.
    if (waiting_) hand_to_store(now());
    return store_->flush(kFlushDeadline);
  }

 private:
  static WallTime now() { return WallTime(std::chrono::system_clock::now()); }

  std::vector<Service*> named(const std::string& name) const {
    std::vector<Service*> found;
    for (const auto& one : services_) {
      if (name.empty() || one->options().name == name) found.push_back(one.get());
    }
    return found;
  }

  void restore() {
    StoreRows kept;
    store_ = Store::open(options_.store, kept);
    for (const auto& service : services_) service->restore(kept, now());
  }

  // A batch that the full queue refused is kept and comes first the next time.
  void hand_to_store(WallTime now) {
    if (!store_ || !store_->writable()) {
      for (const auto& service : services_) service->drop_uncollected();
      return;
    }
    const bool everything = store_->wants_everything(now);
    if (everything) waiting_.reset();
    if (waiting_ && !store_->submit(waiting_)) return;
    auto rows = std::make_unique<StoreRows>();
    for (const auto& service : services_) service->collect(*rows, everything);
    if (rows->empty()) return;
    waiting_ = std::move(rows);
    if (store_->submit(waiting_)) waiting_.reset();
  }

  void note_verdict(std::size_t i, WallTime now) {
    VerdictAnswer answer = services_[i]->verdict({}, {});
    const std::string before = std::exchange(verdicts_[i], answer.verdict);
    if (before == answer.verdict) return;
    if (changes_.size() >= 100) changes_.erase(changes_.begin());
    changes_.push_back({services_[i]->options().name, before, answer.verdict, now, answer});
  }

  ResultsOptions options_;
  Redactor redactor_;
  std::vector<std::unique_ptr<Service>> services_;
  std::vector<std::string> verdicts_;
  std::vector<VerdictChange> changes_;
  WallTime last_verdict_{};
  WallTime last_flush_{};
  std::unique_ptr<StoreRows> waiting_;
  std::unique_ptr<Store> store_;
};

bool shows(const DiffRow& row, const DiffQuery& query) {
  if (query.path.empty() && query.kind.empty()) return true;
  return std::any_of(row.differences.begin(), row.differences.end(), [&](const ShownDifference& d) {
    const bool path = query.path.empty() || d.aggregated == query.path || d.path == query.path;
    return path && (query.kind.empty() || d.kind == query.kind);
  });
}

// No sample of that time or later has a lower number: it begins with the microsecond in which
// the request came, or a later one where the request was long in the coming.
SampleId lowest_id(WallTime since) {
  const std::int64_t us = std::chrono::floor<std::chrono::microseconds>(since).time_since_epoch().count();
  return static_cast<SampleId>(std::max<std::int64_t>(us, 0)) << 10;
}

// Newest is what came last; a cursor is the number of the last row given out, whose sample
// need not be there any more. One that is no number leads nowhere.
Page<DiffRow> KeptResults::diffs(const DiffQuery& query) const {
  const SampleId below = query.cursor.empty() ? UINT64_MAX : parse_id(query.cursor).value_or(0);
  const SampleId lowest = query.since ? lowest_id(*query.since) : 0;
  std::vector<DiffRow> rows;
  for (const Service* service : named(query.service)) {
    const auto route = query.endpoint.empty() ? std::nullopt : service->route_of(query.endpoint);
    if (!query.endpoint.empty() && !route) continue;
    const auto& all = service->samples().all();
    std::size_t taken = 0;
    for (auto it = std::make_reverse_iterator(all.lower_bound(below));
         it != all.rend() && it->first >= lowest && taken <= query.limit; ++it) {
      const Sample& sample = it->second;
      if (query.since && sample.detail.row.time < *query.since) continue;
      if (route && sample.route != *route) continue;
      if (!shows(sample.detail.row, query)) continue;
      DiffRow row = service->row_of(sample);
      if (!query.outcome.empty() && row.outcome != query.outcome) continue;
      rows.push_back(std::move(row));
      ++taken;
    }
  }
  std::sort(rows.begin(), rows.end(),
            [](const DiffRow& a, const DiffRow& b) { return a.id > b.id; });
  Page<DiffRow> page;
  const bool more = rows.size() > query.limit;
  if (more) rows.resize(query.limit);
  page.rows = std::move(rows);
  if (more && !page.rows.empty()) page.next = page.rows.back().id;
  return page;
}

std::optional<DiffDetail> KeptResults::diff(const std::string& id) const {
  const auto number = parse_id(id);
  if (!number) return std::nullopt;
  for (const auto& service : services_) {
    const Sample* sample = service->samples().find(*number);
    if (sample == nullptr) continue;
    DiffDetail detail = sample->detail;
    detail.row = service->row_of(*sample);
    return detail;
  }
  return std::nullopt;
}

// Of several services the worst speaks, with all reasons.
VerdictAnswer KeptResults::verdict(const std::string& service,
                                     std::optional<std::uint64_t> min_compared,
                                     std::optional<double> max_mismatch_ratio) const {
  const std::vector<Service*> asked = named(service);
  if (asked.size() == 1) return asked[0]->verdict(min_compared, max_mismatch_ratio);
  VerdictAnswer all;
  all.verdict = asked.empty() ? "inconclusive" : "pass";
  if (asked.empty()) all.reasons.push_back("no such service");
  for (const Service* one : asked) {
    const VerdictAnswer answer = one->verdict(min_compared, max_mismatch_ratio);
    for (const std::string& reason : answer.reasons) {
      all.reasons.push_back(one->options().name + ": " + reason);
    }
    for (const VerdictNeed& need : answer.needs) all.needs.push_back(need);
    all.compared += answer.compared;
    all.alpha = answer.alpha;
    if (all.since == WallTime{} || answer.since < all.since) all.since = answer.since;
    if (answer.verdict == "fail") all.verdict = "fail";
    if (answer.verdict == "inconclusive" && all.verdict == "pass") all.verdict = "inconclusive";
  }
  return all;
}

}  // namespace

Result<std::unique_ptr<Results>> Results::open(const ResultsOptions& options) {
  auto made = std::make_unique<KeptResults>(options);
  if (auto opened = made->open_services(); !opened) return opened.error();
  return std::unique_ptr<Results>(std::move(made));
}

}  // namespace shadowtap::results
