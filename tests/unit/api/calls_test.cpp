#include <gtest/gtest.h>

#include <functional>
#include <sstream>

#include "tests/unit/api/fakes.h"

namespace shadowtap::api {
namespace {

class CallsTest : public ::testing::Test, public Fixture {};

TEST_F(CallsTest, HealthAndReadinessAreApart) {
  EXPECT_EQ(call("GET", "/healthz").status, 200u);
  EXPECT_EQ(call("GET", "/readyz").status, 200u);
  control.not_ready = "not attached: no interface carries port 8080";
  const Response response = call("GET", "/readyz");
  EXPECT_EQ(response.status, 503u);
  EXPECT_NE(response.body.find("no interface carries port 8080"), std::string::npos);
  EXPECT_EQ(call("GET", "/healthz").status, 200u);
}

TEST_F(CallsTest, AStoreThatCannotWriteIsAStateNotAFailure) {
  results.health_ = {false, "store: disk full; counters are kept in memory", 3};
  const auto body = get("/readyz");
  EXPECT_EQ(call("GET", "/readyz").status, 200u);
  EXPECT_EQ(body.at("state").as_string(), "degraded");
  EXPECT_EQ(body.at("reasons").at(0).as_string(), results.health_.why_not);
}

TEST_F(CallsTest, StatusShowsServicesTargetsAndCoverage) {
  const auto body = get("/api/v1/status");
  EXPECT_EQ(body.at("version").as_string(), "1.2.3");
  EXPECT_EQ(body.at("uptime_seconds").to_number<double>(), 60);
  const auto& service = body.at("services").at(0);
  EXPECT_EQ(service.at("ports").as_array().size(), 2u);
  EXPECT_EQ(service.at("attachments").at(0).at("mechanism").as_string(), "tcx");
  EXPECT_EQ(service.at("targets").at(0).at("state").as_string(), "up");
  EXPECT_EQ(body.at("sources").at("services.orders.select.sample").as_string(), "runtime");
  EXPECT_EQ(body.at("coverage"), get("/api/v1/coverage"));
}

TEST_F(CallsTest, AMiddlewareIsShownWhereThereIsOne) {
  const auto without = get("/api/v1/status");
  EXPECT_FALSE(without.at("services").at(0).as_object().contains("middleware"));
  EXPECT_EQ(call("GET", "/metrics").body.find("shadowtap_middleware"), std::string::npos);
  control.services_[0].middleware = shadow::MiddlewareStatus{false, 2, 3, 1, 4};
  const auto with = get("/api/v1/status");
  EXPECT_EQ(boost::json::serialize(with.at("services").at(0).at("middleware")),
            R"({"running":false,"starts":2,"dropped":3,"refused_changes":4,"untold":1})");
  const std::string page = call("GET", "/metrics").body;
  for (const char* line : {
           "shadowtap_middleware_running{service=\"orders\"} 0\n",
           "shadowtap_middleware_starts_total{service=\"orders\"} 2\n",
           "shadowtap_middleware_exchanges_total{service=\"orders\",reason=\"dropped\"} 3\n",
           "shadowtap_middleware_exchanges_total{service=\"orders\",reason=\"refused_change\"} 4\n",
           "shadowtap_middleware_untold_total{service=\"orders\"} 1\n",
       }) {
    EXPECT_NE(page.find(line), std::string::npos) << line << "in\n" << page;
  }
}

TEST_F(CallsTest, CoveragePartsSumUpToCaptured) {
  const auto coverage = get("/api/v1/coverage");
  const auto& service = coverage.at("services").at(0);
  std::uint64_t sum = service.at("compared").to_number<std::uint64_t>() +
                      service.at("in_flight").to_number<std::uint64_t>();
  for (const char* part : {"skipped", "refused", "shadow_error", "not_comparable"}) {
    for (const auto& reason : service.at(part).as_object()) {
      sum += reason.value().to_number<std::uint64_t>();
    }
  }
  EXPECT_EQ(service.at("captured").to_number<std::uint64_t>(), sum);
  EXPECT_EQ(coverage.at("capture").at("lost").at("ring_full").as_int64(), 2);
}

// The value of a sample line, summed over those that begin so and hold `label`.
double summed(const std::string& page, const std::string& name, const std::string& label = {}) {
  double sum = 0;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name + "{") || line.find(label) == std::string::npos) continue;
    sum += std::stod(line.substr(line.rfind(' ')));
  }
  return sum;
}

TEST_F(CallsTest, OneScrapesRowsSumUpWhateverIsOnItsWay) {
  ServiceLedger& ledger = control.ledgers_[0];
  ledger = {"orders", 20, 14, {{"method", 2}}, {{"rate", 1}}, {{"timeout", 1}}, {}, 2, {}, {}};
  ledger.unreported = {{"match", 2}, {"mismatch", 1}, {"not_compared", 5}};  // results know of 4 of 14
  const std::string page = call("GET", "/metrics").body;
  double parts = summed(page, "shadowtap_in_flight");
  EXPECT_EQ(parts, 2 + 14 - 4 - 3);
  for (const char* outcome : {"\"match", "\"noise", "\"ignored", "\"mismatch"}) {
    parts += summed(page, "shadowtap_comparisons_total", outcome);
  }
  for (const char* part : {"skipped", "refused", "shadow_errors", "not_comparable"}) {
    parts += summed(page, std::string("shadowtap_") + part + "_total");
  }
  EXPECT_EQ(parts, summed(page, "shadowtap_exchanges_total"));
  EXPECT_EQ(summed(page, "shadowtap_unreported_total"), 8);
  EXPECT_NE(page.find("shadowtap_refused_total{service=\"orders\",reason=\"memory\"} 0\n"),
            std::string::npos);
  EXPECT_EQ(get("/api/v1/coverage").at("unreported").at("orders").as_int64(), 8);
}

TEST_F(CallsTest, StatusSaysWhoHadTheLastWord) {
  const auto source = [this](const char* pointer) {
    return std::string(get("/api/v1/status").at_pointer(pointer).as_string());
  };
  EXPECT_EQ(source("/services/0/sampling/source"), "runtime");
  EXPECT_EQ(source("/services/0/rules/source"), "default");
  EXPECT_EQ(source("/services/0/targets/0/source"), "flag");
}

TEST_F(CallsTest, ListsCarryRowsAndTheNextCursor) {
  const auto body = get("/api/v1/endpoints?service=orders&limit=7&cursor=c");
  EXPECT_EQ(results.asked, "endpoints orders c 7");
  EXPECT_EQ(body.at("next").as_string(), "after-1");
  EXPECT_EQ(body.at("endpoints").at(0).at("outcomes").at("mismatch").as_int64(), 1);
  const auto fields = get("/api/v1/endpoints/e%2F1/fields");
  EXPECT_TRUE(fields.at("next").is_null());
  EXPECT_EQ(fields.at("fields").at(0).at("verdict").as_string(), "regression");
  EXPECT_EQ(call("GET", "/api/v1/endpoints/nope/fields").status, 404u);
}

TEST_F(CallsTest, DiffsPassTheirFiltersOn) {
  const auto body = get("/api/v1/diffs?service=orders&endpoint=e&path=$.price&kind=value"
                        "&outcome=mismatch&since=1m&limit=5");
  const results::DiffQuery& query = results.last_query;
  EXPECT_EQ(query.path, "$.price");
  EXPECT_EQ(query.since, WallTime(std::chrono::seconds(1'700'000'000)));
  EXPECT_EQ(query.limit, 5u);
  EXPECT_EQ(body.at("diffs").at(0).at("time").as_string(), "2023-11-14T22:13:20.250Z");
  EXPECT_EQ(body.at("diffs").at(0).at("uri").as_string(), "/orders/1?q=\xef\xbf\xbd");
}

TEST_F(CallsTest, ACursorNeedNotBelongToADiffThatIsStillThere) {
  EXPECT_EQ(call("GET", "/api/v1/diffs?cursor=0006f1c300000400").status, 200u);
  EXPECT_EQ(results.last_query.cursor, "0006f1c300000400");
}

TEST_F(CallsTest, OneDiffShowsEveryMessageThatIsThere) {
  const auto body = get("/api/v1/diffs/d1");
  EXPECT_EQ(body.at("original").at("status").as_int64(), 200);
  EXPECT_TRUE(body.at("candidate").is_null());
  EXPECT_EQ(body.at("request").at("headers").at(0).at(0).as_string(), "Accept");
  EXPECT_EQ(call("GET", "/api/v1/diffs/other").status, 404u);
}

TEST_F(CallsTest, WrongParametersSayWhatWouldBeRight) {
  struct Case {
    const char* target;
    unsigned status;
    const char* says;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"/api/v1/diffs?limt=5", 400, "did you mean 'limit'"},
           {"/api/v1/diffs?limit=0", 400, "from 1 to 1000"},
           {"/api/v1/diffs?limit=1001", 400, "from 1 to 1000"},
           {"/api/v1/diffs?limit=5&limit=6", 400, "given twice"},
           {"/api/v1/diffs?kind=valeu", 400, "did you mean 'value'"},
           {"/api/v1/diffs?since=yesterday", 400, "a duration"},
           {"/api/v1/diffs?cursor=garbage", 400, "'cursor' must be `next`"},
           {"/api/v1/diffs?cursor=5f1c3", 400, "'cursor' must be `next`"},
           {"/api/v1/diffs?cursor=0006f1c30000040g", 400, "'cursor' must be `next`"},
           {"/api/v1/verdict?max_mismatch_ratio=2", 400, "from 0 to 1"},
           {"/api/v1/verdict?max_mismatch_ratio=nan", 400, "from 0 to 1"},
           {"/api/v1/verdict?min_compared=-1", 400, "whole number"},
           {"/api/v1/verdict?service=order", 404, "did you mean 'orders'"},
           {"/api/v1/status?x", 400, "unknown query parameter 'x'"},
       }) {
    const Response response = call("GET", c.target);
    EXPECT_EQ(response.status, c.status) << c.target;
    EXPECT_EQ(response.content_type, "application/problem+json") << c.target;
    EXPECT_NE(response.body.find(c.says), std::string::npos) << response.body;
  }
}

TEST_F(CallsTest, TheVerdictIsADocumentAndTheGateAStatusCode) {
  for (const auto& [verdict, status] : std::initializer_list<std::pair<const char*, unsigned>>{
           {"pass", 200}, {"fail", 412}, {"inconclusive", 425}}) {
    results.verdicts["orders"] = verdict;
    EXPECT_EQ(call("GET", "/api/v1/verdict").status, 200u);
    EXPECT_EQ(get("/api/v1/verdict").at("verdict").as_string(), verdict);
    const Response gate = call("POST", "/api/v1/gate?service=orders");
    EXPECT_EQ(gate.status, status);
    EXPECT_EQ(gate.body, call("GET", "/api/v1/verdict").body);
  }
}

TEST_F(CallsTest, TheGateTakesItsServiceFromFlaggersMetadata) {
  const char* body = R"({"name":"podinfo","namespace":"test","phase":"Progressing",
      "metadata":{"service":"orders","min_compared":"50","cmd":"x"}})";
  const Response response = call("POST", "/api/v1/gate", body, "application/json");
  EXPECT_EQ(response.status, 200u);
  const auto answer = boost::json::parse(response.body);
  EXPECT_EQ(answer.at("needs").at(0).at("comparisons").as_int64(), 50);
  EXPECT_EQ(call("POST", "/api/v1/gate", R"({"metadata":{"service":"nope"}})").status, 404u);
}

TEST_F(CallsTest, WithSeveralServicesTheWorstVerdictHolds) {
  ServiceStatus other;
  other.name = "users";
  control.services_.push_back(other);
  results.verdicts = {{"orders", "pass"}, {"users", "fail"}};
  EXPECT_EQ(call("POST", "/api/v1/gate").status, 412u);
  EXPECT_EQ(call("POST", "/api/v1/gate?service=orders").status, 200u);
  const auto body = get("/api/v1/verdict");
  EXPECT_EQ(body.at("compared").as_int64(), 8);
  EXPECT_EQ(body.at("reasons").at(1).as_string(), "users: because of users");
}

TEST_F(CallsTest, PauseAndResumeSwitchTheNamedServiceOrAll) {
  EXPECT_EQ(call("POST", "/api/v1/pause?service=orders").status, 200u);
  EXPECT_TRUE(control.services_[0].paused);
  const Response response = call("POST", "/api/v1/resume");
  EXPECT_EQ(response.body, R"({"services":[{"name":"orders","paused":false}]})");
  EXPECT_EQ(call("POST", "/api/v1/pause?service=nope").status, 404u);
  EXPECT_EQ(call("GET", "/api/v1/pause").status, 405u);
}

TEST_F(CallsTest, ResultsAreForgottenOnlyOnDelete) {
  EXPECT_EQ(call("GET", "/api/v1/results").status, 405u);
  EXPECT_TRUE(results.forgotten.empty());
  EXPECT_EQ(call("DELETE", "/api/v1/results?service=orders").status, 204u);
  EXPECT_TRUE(results.forgotten.contains("orders"));
}

TEST_F(CallsTest, SectionsAreReadAndReplaced) {
  const char* sampling = "/api/v1/services/orders/sampling";
  EXPECT_EQ(call("GET", sampling).body, R"({"sample":100})");
  EXPECT_EQ(call("PUT", sampling, R"({"sample":5})", "application/json; charset=utf-8").status,
            200u);
  EXPECT_EQ(call("GET", sampling).body, R"({"sample":5})");
  const Response wrong = call("PUT", sampling, R"({"samlpe":5})", "application/json");
  EXPECT_EQ(wrong.status, 422u);
  EXPECT_NE(wrong.body.find("did you mean 'sample'"), std::string::npos);
  EXPECT_EQ(call("PUT", sampling, "{}", "text/plain").status, 415u);
  EXPECT_EQ(call("PUT", sampling, "{", "application/json").status, 400u);
  EXPECT_EQ(call("PUT", sampling, "[]", "application/json").status, 422u);
  EXPECT_EQ(call("GET", sampling).body, R"({"sample":5})");
}

TEST_F(CallsTest, APutWithAnOldEntityTagIsRefused) {
  const char* rules = "/api/v1/services/orders/rules";
  std::string tag;
  for (const auto& [name, value] : call("GET", rules).headers) {
    if (name == "ETag") tag = value;
  }
  EXPECT_EQ(call("PUT", rules, R"({"ignore":["$.a"]})", "application/json", tag).status, 200u);
  EXPECT_EQ(call("PUT", rules, "{}", "application/json", tag).status, 412u);
  EXPECT_EQ(call("GET", rules).body, R"({"ignore":["$.a"]})");
}

TEST_F(CallsTest, TargetsComeAndGoByRole) {
  const std::string targets = "/api/v1/services/orders/targets/";
  EXPECT_EQ(call("GET", targets + "candidate").status, 200u);
  EXPECT_EQ(call("GET", targets + "secondary").status, 404u);
  EXPECT_EQ(call("PUT", targets + "mirror?name=m1", R"({"url":"http://m"})", "application/json")
                .status,
            200u);
  EXPECT_TRUE(edits.sections.contains("orders mirror:m1"));
  EXPECT_EQ(call("DELETE", targets + "mirror?name=m1").status, 204u);
  EXPECT_EQ(call("DELETE", targets + "mirror?name=m1").status, 404u);
  EXPECT_EQ(call("GET", targets + "primary").status, 404u);
  EXPECT_EQ(call("GET", "/api/v1/services/nope/rules").status, 404u);
  EXPECT_EQ(call("GET", "/api/v1/services//rules").status, 404u);
}

TEST_F(CallsTest, AReplayAnswersWithTheNewComparison) {
  const Response response = call("POST", "/api/v1/diffs/d1/replay");
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(boost::json::parse(response.body).at("outcome").as_string(), "match");
  EXPECT_EQ(boost::json::parse(response.body).at("id").as_string(), "d1");
  EXPECT_EQ(boost::json::parse(response.body).at("route").as_string(), "/orders/{id}");
  EXPECT_EQ(call("POST", "/api/v1/diffs/nope/replay").status, 404u);
}

TEST_F(CallsTest, AReplayThatCannotBeSaysWhy) {
  const Response redacted = call("POST", "/api/v1/diffs/redacted/replay");
  EXPECT_EQ(redacted.status, 409u);
  EXPECT_EQ(boost::json::parse(redacted.body).at("code").as_string(), "credentials_not_kept");
  control.replay_refusal = "skipped: method";
  const Response refused = call("POST", "/api/v1/diffs/d1/replay");
  EXPECT_EQ(refused.status, 409u);
  EXPECT_EQ(boost::json::parse(refused.body).at("code").as_string(), "not_sent");
}

class EventsTest : public CallsTest {
 protected:
  // What a new reader of all services gets at each look.
  std::function<std::string()> listen(const std::string& target = "/api/v1/events") {
    Request request;
    EXPECT_TRUE(request.set_target(target));
    return router.handle(request).events;
  }
  static bool tells(const std::string& text, const std::string& id) {
    return text.find("event: comparison\ndata: {\"id\":\"" + id + "\"") != std::string::npos;
  }
};

TEST_F(EventsTest, TellEachThingOnce) {
  const auto look = listen("/api/v1/events?service=orders");
  ASSERT_TRUE(look);
  results.row.id = "d2";
  const std::string first = look();
  EXPECT_TRUE(tells(first, "d2")) << first;
  EXPECT_FALSE(tells(first, "d1")) << "kept before anybody listened";
  EXPECT_NE(first.find("event: target\n"), std::string::npos);
  EXPECT_NE(first.find("event: coverage\n"), std::string::npos);
  EXPECT_EQ(look(), "");
  control.services_[0].targets[0].state = shadow::TargetState::kOpen;
  EXPECT_TRUE(look().starts_with("event: target\n"));
  results.row.id = "d3";
  EXPECT_TRUE(tells(look(), "d3"));
  results.row.id = "d2";  // d3 is no longer kept
  EXPECT_EQ(look(), "");
}

TEST_F(EventsTest, TellOfASlowExchangeThatComesAfterYoungerOnes) {
  const auto look = listen();
  results.row.id = "d2";
  results.row.time = backend.now() + std::chrono::seconds(5);
  EXPECT_TRUE(tells(look(), "d2"));
  results.row.id = "d3";
  results.row.time -= std::chrono::seconds(4);
  EXPECT_TRUE(tells(look(), "d3"));
}

TEST_F(EventsTest, TellOfEachServiceByItsOwnNumbers) {
  ServiceStatus users;
  users.name = "users";
  control.services_.push_back(users);
  const auto look = listen();
  results.row.id = "d8";
  EXPECT_TRUE(tells(look(), "d8"));
  results.row.service = "users";
  results.row.id = "d5";
  EXPECT_TRUE(tells(look(), "d5"));
  EXPECT_EQ(look(), "");
}

TEST_F(CallsTest, EveryCallSurvivesHostileInput) {
  const std::string monster(5000, 'x');
  const std::vector<std::string> paths{
      "/api/v1/status",        "/api/v1/coverage",       "/api/v1/impact",
      "/api/v1/endpoints",     "/api/v1/endpoints/{}/fields", "/api/v1/diffs",
      "/api/v1/diffs/{}",      "/api/v1/diffs/{}/replay", "/api/v1/verdict",
      "/api/v1/gate",          "/api/v1/report",         "/api/v1/pause",
      "/api/v1/resume",        "/api/v1/results",        "/api/v1/events",
      "/api/v1/services/{}/rules", "/api/v1/services/{}/sampling",
      "/api/v1/services/{}/targets/{}", "/metrics", "/healthz", "/readyz", "/", "/web/{}"};
  const std::vector<std::string> parts{"%00", "%ff%fe", "..%2f..%2fetc%2fpasswd", monster, "%0d%0aX:1",
                                       "'; DROP TABLE samples; --", "%25s%25n", "{}", "-1"};
  const std::vector<std::string> bodies{"", "{", "null", "[[[[[[[[", std::string(3000, '['),
                                        R"({"metadata":{"service":5}})", "\xff\xfe\x00", monster,
                                        R"({"url":{"url":{}}})"};
  for (const std::string& path : paths) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      std::string target = path;
      for (std::size_t at; (at = target.find("{}")) != std::string::npos;) {
        target.replace(at, 2, i == 7 ? "%7B%7D" : parts[i]);
      }
      for (const char* query : {"", "?service=", "?limit=", "?cursor=", "?name=", "?since=", "?"}) {
        const std::string end = *query ? query + parts[i] : "";
        for (const char* method : {"GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "x"}) {
          const Response response = call(method, target + end, bodies[i], "application/json");
          EXPECT_NE(response.status / 100, 5u) << method << " " << target + end;
          if (response.content_type == "application/problem+json") {
            EXPECT_TRUE(boost::json::parse(response.body).is_object());
          }
        }
      }
    }
  }
}

TEST_F(CallsTest, TheMetricsRouterServesNothingElse) {
  const Router metrics = make_metrics_router(backend);
  EXPECT_EQ(metrics.calls(),
            (std::vector<std::string>{"GET /healthz", "GET /readyz", "GET /metrics"}));
}

TEST_F(CallsTest, AScrapeShowsTheLedgerAndTheVerdict) {
  control.services_[0].paused = true;
  control.services_[0].targets[0].withdrawn = 7;
  const std::string text = call("GET", "/metrics").body;
  for (const char* line : {
           "shadowtap_exchanges_total{service=\"orders\"} 9\n",
           "shadowtap_skipped_total{service=\"orders\",reason=\"method\"} 2\n",
           "shadowtap_shadow_errors_total{service=\"orders\",reason=\"timeout\"} 1\n",
           "shadowtap_shadow_requests_total{service=\"orders\",role=\"candidate\","
           "result=\"answered\"} 5\n",
           "shadowtap_shadow_requests_total{service=\"orders\",role=\"candidate\","
           "result=\"withdrawn\"} 7\n",
           "shadowtap_verdict{service=\"orders\",verdict=\"pass\"} 1\n",
           "shadowtap_comparisons_total{service=\"orders\",route=\"/orders/{id}\","
           "outcome=\"mismatch\"} 1\n",
           "shadowtap_paused{service=\"orders\"} 1\n",
           "shadowtap_ring_fill_ratio{ring=\"1\"} 0.5\n",
           "shadowtap_build_info{version=\"1.2.3\"} 1\n",
       }) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "in\n" << text;
  }
}

}  // namespace
}  // namespace shadowtap::api
