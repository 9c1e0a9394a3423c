// The agent and its results as the API sees them, with fixed contents that a test may
// change. Fakes at the edge: the real ones need a kernel and traffic.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>

#include "agent/api/backend.h"

namespace shadowtap::api {

class FakeControl : public Control {
 public:
  bool ready(std::string& why_not) const override {
    why_not = not_ready;
    return not_ready.empty();
  }
  std::vector<ServiceStatus> services() const override { return services_; }
  std::vector<ServiceLedger> ledgers() const override { return ledgers_; }
  CaptureLedger capture() const override {
    return {12, 10, {{"ring_full", 2}}, {{"tls", 1}}};
  }
  std::vector<double> ring_fill() const override { return {0.25, 0.5}; }
  Impact impact() const override { return {}; }
  Cost cost() const override { return {0.02, 5000, 1 << 24, 0}; }
  metrics::FromAgent metrics() const override { return from_agent; }
  bool set_paused(const std::string& service, bool paused) override {
    for (ServiceStatus& s : services_) {
      if (service.empty() || s.name == service) s.paused = paused;
    }
    return true;
  }
  std::vector<SettingSource> sources() const override {
    return {{"services.orders.targets.candidate", "file"},
            {"services.orders.targets.candidate.url", "flag"},
            {"services.orders.select.sample", "runtime"}};
  }
  void replay(http::Exchange exchange, Replayed done) override {
    if (exchange.request.method != "GET" || !replay_refusal.empty()) {
      return done(plain_error(replay_refusal));
    }
    results::DiffDetail detail;
    detail.row.id = "again";
    detail.row.outcome = "match";
    done(std::move(detail));
  }
  Result<> put_rules(const std::string&, const diff::Rules&) override { return {}; }
  Result<> put_select(const std::string&, const shadow::SelectOptions&) override { return {}; }
  Result<> put_dispatch(const std::string&, const shadow::DispatchOptions&) override { return {}; }
  Result<> put_target(const std::string&, const shadow::TargetOptions&) override { return {}; }
  Result<> remove_target(const std::string&, shadow::Role, const std::string&) override {
    return {};
  }

  FakeControl() {
    ServiceStatus orders;
    orders.name = "orders";
    orders.ports = {8080, 8081};
    orders.attachments = {{"eth0", "ingress", "tcx"}, {"eth1", "egress", "clsact", "cil_to_netdev"}};
    shadow::TargetStatus candidate{};
    candidate.role = shadow::Role::kCandidate;
    candidate.name = "candidate";
    candidate.url = "http://10.0.0.9:8080";
    candidate.state = shadow::TargetState::kUp;
    candidate.answered = 5;
    candidate.errors[static_cast<std::size_t>(http::AnswerError::kTimeout)] = 1;
    orders.targets = {candidate};
    services_ = {orders};
    ledgers_ = {{"orders", 9, 4, {{"method", 2}}, {{"rate", 1}}, {{"timeout", 1}}, {}, 1}};
  }

  std::string not_ready;
  std::string replay_refusal;
  std::vector<ServiceStatus> services_;
  std::vector<ServiceLedger> ledgers_;
  metrics::FromAgent from_agent;
};

class FakeResults : public results::Results {
 public:
  void add(results::Comparison) override {}
  std::vector<results::Repeat> take_repeats() override { return {}; }
  void add_repeat(const results::Repeat&, const diff::Differences&) override {}
  void tick(WallTime) override {}
  results::Page<results::EndpointRow> endpoints(const std::string& service,
                                                const std::string& cursor,
                                                std::size_t limit) const override {
    asked = "endpoints " + service + " " + cursor + " " + std::to_string(limit);
    return {{endpoint}, "after-1"};
  }
  std::optional<results::Page<results::FieldRow>> fields(const std::string& id,
                                                         const std::string&,
                                                         std::size_t) const override {
    if (id != endpoint.id) return std::nullopt;
    return results::Page<results::FieldRow>{
        {{"$.price", {{"value", 3}}, 3, 0, 4, "regression", false, "3 of 4"}}, ""};
  }
  results::Page<results::DiffRow> diffs(const results::DiffQuery& query) const override {
    last_query = query;
    if (!query.service.empty() && query.service != row.service) return {};
    return {{row}, ""};
  }
  std::optional<results::DiffDetail> diff(const std::string& id) const override {
    if (id != row.id) return std::nullopt;
    results::DiffDetail detail;
    detail.row = row;
    detail.request.headers = {{"Accept", "*/*"}};
    detail.original = results::ShownMessage{200, {{"ETag", "x"}}, "{\"price\":1}", true, 11};
    detail.timings_ms = {{"original", 1.5}};
    return detail;
  }
  Result<std::optional<http::Exchange>> resend_request(const std::string& id) const override {
    if (id == "redacted") return plain_error("the credentials of this request are not kept");
    if (id != row.id) return std::optional<http::Exchange>();
    http::Exchange exchange;
    exchange.request.method = "GET";
    return std::optional<http::Exchange>(std::move(exchange));
  }
  results::VerdictAnswer verdict(const std::string& service,
                                 std::optional<std::uint64_t> min_compared,
                                 std::optional<double>) const override {
    results::VerdictAnswer answer;
    const auto at = verdicts.find(service);
    answer.verdict = at == verdicts.end() ? "inconclusive" : at->second;
    answer.reasons = {"because of " + service};
    answer.needs = {{"/orders/{id}", min_compared.value_or(200), 12.5}};
    answer.compared = 4;
    answer.alpha = 0.01;
    answer.since = WallTime(std::chrono::seconds(1'700'000'000));
    return answer;
  }
  std::vector<results::Finding> findings(const std::string&) const override { return {}; }
  results::ResultsHealth health() const override { return health_; }
  bool forget(const std::string& service) override {
    forgotten.insert(service);
    return true;
  }
  void set_secondary(const std::string&, bool) override {}
  void set_rules(const std::string&, const diff::Rules&) override {}
  void set_epoch(const std::string&, const std::string&) override {}
  std::vector<results::RouteMetrics> metrics() const override {
    results::RouteMetrics route;
    route.service = "orders";
    route.method = "GET";
    route.route = "/orders/{id}";
    route.outcomes = {{"match", 3}, {"mismatch", 1}};
    route.original = {{4, 0, 0}, 0.02};
    return {route};
  }
  std::vector<results::VerdictChange> take_verdict_changes() override { return {}; }
  Result<> flush() override { return {}; }

  FakeResults() {
    endpoint.id = "e/1";  // needs percent-encoding in a path
    endpoint.service = "orders";
    endpoint.method = "GET";
    endpoint.route = "/orders/{id}";
    endpoint.outcomes = {{"match", 3}, {"mismatch", 1}};
    endpoint.mismatch_ratio = 0.25;
    row.id = "d1";
    row.time = WallTime(std::chrono::milliseconds(1'700'000'000'250));
    row.service = "orders";
    row.method = "GET";
    row.uri = "/orders/1?q=\xff";  // not UTF-8
    row.route = "/orders/{id}";
    row.outcome = "mismatch";
    row.differences = {{"$.price", "value", "1", "2", "$.price"}};
  }

  results::EndpointRow endpoint;
  results::DiffRow row;
  results::ResultsHealth health_;
  std::map<std::string, std::string> verdicts{{"orders", "pass"}};
  std::set<std::string> forgotten;
  mutable std::string asked;
  mutable results::DiffQuery last_query;
};

// Sections as they were written last.
class FakeEdits : public Edits {
 public:
  std::optional<std::string> read(const std::string& service,
                                  const std::string& section) const override {
    const auto at = sections.find(service + " " + section);
    return at == sections.end() ? std::nullopt : std::optional(at->second);
  }
  Result<> write(const std::string& service, const std::string& section,
                 const std::string& json) override {
    if (json.find("samlpe") != std::string::npos) {
      return plain_error("line 1:2: unknown key 'samlpe' (did you mean 'sample'?)");
    }
    sections[service + " " + section] = json;
    return {};
  }
  Result<> remove(const std::string& service, const std::string& section) override {
    sections.erase(service + " " + section);
    return {};
  }

  std::map<std::string, std::string> sections{{"orders compare", "{}"},
                                              {"orders select", R"({"sample":100})"},
                                              {"orders candidate", R"({"url":"http://a"})"}};
};

// All of them, and a router over them.
struct Fixture {
  FakeControl control;
  FakeResults results;
  FakeEdits edits;
  Backend backend{control, results, "1.2.3", WallTime(std::chrono::seconds(1'700'000'000)), &edits,
                  [] { return WallTime(std::chrono::seconds(1'700'000'060)); }};
  Router router = make_router(backend);

  Response call(const std::string& method, const std::string& target,
                const std::string& body = {}, const std::string& content_type = {},
                const std::string& if_match = {}) {
    Request request;
    request.method = method;
    EXPECT_TRUE(request.set_target(target)) << target;
    request.body = body;
    request.content_type = content_type;
    request.if_match = if_match;
    Response response = router.handle(request);
    if (response.later) response.later([&response](Response answer) { response = answer; });
    return response;
  }
  boost::json::value get(const std::string& target) {
    return boost::json::parse(call("GET", target).body);
  }
};

}  // namespace shadowtap::api
