// The API under the programs that really call it: Prometheus, promtool, Chromium, curl and
// the requests of Flagger and Argo Rollouts. Skipped where a program is missing, but in CI.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "agent/api/client.h"
#include "agent/api/listen_address.h"
#include "tests/unit/api/fakes.h"
#include "tests/unit/api/running_server.h"

namespace shadowtap::api {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct Ran {
  int code = -1;
  std::string output;
};

// A shell command under a time limit, both its outputs together.
Ran run(const std::string& command) {
  Ran ran;
  FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
  if (!pipe) return ran;
  char buffer[4096];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) ran.output.append(buffer, n);
  const int status = ::pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

bool in_ci() {
  const char* ci = std::getenv("CI");
  return ci && std::string_view(ci) == "true";
}

#define NEEDS(program)                                                   \
  if (run("command -v " program).code != 0) {                            \
    if (in_ci()) FAIL() << program " is needed";                         \
    GTEST_SKIP() << program " is not installed";                         \
  }                                                                      \
  static_assert(true)

class ToolsTest : public ::testing::Test, public Fixture {
 protected:
  ToolsTest() {
    std::string pattern = (fs::temp_directory_path() / "shadowtap-tools-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    write("token", "0123456789abcdef\n");
  }
  ~ToolsTest() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  void serve(bool with_token) {
    ServerOptions options = any_port();
    options.metrics_listen = "127.0.0.1:0";
    if (with_token) options.token_file = folder_ / "token";
    running_ = std::make_unique<RunningServer>(options, router, make_metrics_router(backend));
  }
  std::string address() const { return running_->server->address(); }
  void verdict_is(const std::string& word) {
    running_->on_its_thread([&] { return results.verdicts["orders"] = word; });
  }
  // Status of a raw request, as a tool puts it on the wire.
  unsigned status_of(OutgoingCall outgoing, const std::string& path) {
    outgoing.url = *Url::parse("http://" + address() + path);
    const auto answer = api::call(std::move(outgoing));
    EXPECT_TRUE(answer) << answer.error().message();
    return answer ? answer->status : 0;
  }

  fs::path folder_;
  std::unique_ptr<RunningServer> running_;
};

TEST_F(ToolsTest, MetricsAreCleanForPromtool) {
  NEEDS("promtool");
  const fs::path page = write("metrics", call("GET", "/metrics").body);
  const Ran ran = run("timeout 30 promtool check metrics < " + page.string());
  EXPECT_EQ(ran.code, 0) << ran.output;
  EXPECT_EQ(ran.output, "");
}

TEST_F(ToolsTest, AlertRulesPassTheirOwnTests) {
  NEEDS("promtool");
  const Ran check = run("timeout 30 promtool check rules deploy/prometheus/shadowtap.rules.yml");
  EXPECT_EQ(check.code, 0) << check.output;
  const Ran test = run("timeout 30 promtool test rules deploy/prometheus/shadowtap.rules.test.yml");
  EXPECT_EQ(test.code, 0) << test.output;
}

// A Prometheus of the test's own, ended with it.
class Prometheus {
 public:
  Prometheus(const fs::path& folder, const std::string& scraped) {
    ListenAddress address = *ListenAddress::parse("127.0.0.1:0");
    listen_on(address).value();  // closed at once: Prometheus cannot tell us a port it chose
    address_ = address.to_string();
    std::ofstream(folder / "prometheus.yml")
        << "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        << "rule_files: [" << fs::absolute("deploy/prometheus/shadowtap.rules.yml") << "]\n"
        << "scrape_configs:\n- job_name: shadowtap\n  static_configs:\n  - targets: ['" << scraped
        << "']\n";
    const std::string config = "--config.file=" + (folder / "prometheus.yml").string();
    const std::string data = "--storage.tsdb.path=" + (folder / "data").string();
    const std::string listen = "--web.listen-address=" + address_;
    const std::string log = (folder / "log").string();
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // also when the test dies
    if (!std::freopen(log.c_str(), "w", stdout) || !std::freopen(log.c_str(), "a", stderr)) ::_exit(1);
    ::execlp("prometheus", "prometheus", config.c_str(), data.c_str(), listen.c_str(), nullptr);
    ::_exit(127);
  }
  ~Prometheus() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  // The answer's `data`; null while it is not there yet.
  boost::json::value ask(const std::string& path) const {
    OutgoingCall outgoing;
    outgoing.url = *Url::parse("http://" + address_ + path);
    const auto answer = api::call(std::move(outgoing));
    boost::system::error_code error;
    boost::json::value body = answer ? boost::json::parse(answer->body, error) : boost::json::value();
    const auto* object = body.if_object();
    if (!object || object->at("status") != "success") return nullptr;
    return object->at("data");
  }

 private:
  std::string address_;
  pid_t pid_ = -1;
};

template <class Condition>
bool until(Condition condition) {
  const Time end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return true;
}

std::vector<std::string> dashboard_expressions() {
  std::ifstream file("deploy/grafana/shadowtap.json");
  std::stringstream text;
  text << file.rdbuf();
  std::vector<std::string> expressions;
  const boost::json::value dashboard = boost::json::parse(text.str());
  for (const auto& panel : dashboard.at("panels").as_array()) {
    for (const auto& target : panel.at("targets").as_array()) {
      std::string expression(target.at("expr").as_string());
      expression = std::regex_replace(expression, std::regex("\\$service"), ".*");
      expressions.push_back(std::regex_replace(expression, std::regex("\\$__rate_interval"), "1m"));
    }
  }
  return expressions;
}

TEST_F(ToolsTest, PrometheusScrapesAndFiresTheAlert) {
  NEEDS("prometheus");
  serve(true);
  verdict_is("fail");
  const Prometheus prometheus(folder_, running_->server->metrics_address());
  EXPECT_TRUE(until([&] {
    return boost::json::serialize(prometheus.ask("/api/v1/alerts")).find("ShadowtapVerdictFail") !=
           std::string::npos;
  }));
  const auto up = prometheus.ask("/api/v1/query?" + query_pair("query", "up{job=\"shadowtap\"} == 1"));
  ASSERT_TRUE(up.is_object());
  EXPECT_EQ(up.at("result").as_array().size(), 1u);
  for (const std::string& expression : dashboard_expressions()) {
    EXPECT_TRUE(prometheus.ask("/api/v1/query?" + query_pair("query", expression)).is_object())
        << expression;
  }
}

TEST_F(ToolsTest, TheDashboardAsksOnlyForMetricsThatExist) {
  const std::string page = call("GET", "/metrics").body;
  const std::set<std::string> of_the_agent{"shadowtap_packets_total", "shadowtap_packets_lost_total",
                                           "shadowtap_not_comparable_total"};  // empty in the fake
  const std::regex name("\\b(shadowtap_[a-z_]+|process_[a-z_]+)");
  for (const std::string& expression : dashboard_expressions()) {
    for (std::sregex_iterator at(expression.begin(), expression.end(), name), end; at != end; ++at) {
      std::string metric = (*at)[1];
      if (metric.ends_with("_bucket")) metric.resize(metric.size() - 7);
      if (!of_the_agent.contains(metric)) {
        EXPECT_THAT(page, HasSubstr("# TYPE " + metric + " "));
      }
    }
  }
}

// controller/webhook.go: POST, Content-Type, the credentials of the URL as Basic by Go's
// client; anything above 202 holds the canary.
TEST_F(ToolsTest, FlaggersWebhookGoesOnOnlyForAPass) {
  serve(true);
  OutgoingCall flagger;
  flagger.method = "POST";
  flagger.headers = {{"User-Agent", "Go-http-client/1.1"},
                     {"Content-Type", "application/json"},
                     {"Accept-Encoding", "gzip"},
                     {"Authorization", "Basic ZmxhZ2dlcjowMTIzNDU2Nzg5YWJjZGVm"}};
  flagger.body = R"({"name":"orders","namespace":"test","phase":"Progressing","checksum":"7f9c",)"
                 R"("metadata":{"min_compared":"500","service":"orders"}})";
  EXPECT_EQ(status_of(flagger, "/api/v1/gate"), 200u);
  verdict_is("fail");
  EXPECT_EQ(status_of(flagger, "/api/v1/gate"), 412u);
  verdict_is("inconclusive");
  EXPECT_EQ(status_of(flagger, "/api/v1/gate"), 425u);
  flagger.headers.pop_back();
  EXPECT_EQ(status_of(flagger, "/api/v1/gate"), 401u);
}

// metricproviders/webmetric: GET with the headers given; a non-2xx is an error, so the
// verdict must come as a document.
TEST_F(ToolsTest, ArgosWebMetricReadsTheVerdict) {
  serve(true);
  verdict_is("fail");
  OutgoingCall argo;
  argo.url = *Url::parse("http://" + address() + "/api/v1/verdict?service=orders");
  argo.headers = {{"User-Agent", "Go-http-client/1.1"},
                  {"Authorization", "Bearer 0123456789abcdef"},
                  {"Accept-Encoding", "gzip"}};
  const auto answer = api::call(std::move(argo));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->status, 200u);
  EXPECT_EQ(boost::json::parse(answer->body).at("verdict").as_string(), "fail");
}

TEST_F(ToolsTest, TheCurlPipelineExitsByTheVerdict) {
  NEEDS("curl");
  serve(true);
  const fs::path script = fs::absolute("deploy/rollout/pipeline-curl.sh");
  const std::string command = "cd " + folder_.string() + " && SHADOWTAP_API=http://" + address() +
                              " SHADOWTAP_TOKEN=0123456789abcdef SHADOWTAP_TRIES=2 "
                              "SHADOWTAP_PAUSE=0 timeout 30 " + script.string();
  EXPECT_EQ(run(command + " orders").code, 0);
  verdict_is("fail");
  EXPECT_EQ(run(command + " orders").code, 1);
  verdict_is("inconclusive");
  EXPECT_EQ(run(command + " orders").code, 3);
  EXPECT_EQ(run(command + " nobody").code, 2);
}

TEST_F(ToolsTest, ThePipelineWaitsForTheVerdictAndKeepsTheReport) {
  if (!fs::exists(SHADOWTAP_BINARY)) {
    if (in_ci()) FAIL() << SHADOWTAP_BINARY " is needed";
    GTEST_SKIP() << SHADOWTAP_BINARY " is not built";
  }
  serve(true);
  const fs::path script = fs::absolute("deploy/rollout/pipeline.sh");
  const std::string command = "cd " + folder_.string() + " && SHADOWTAP=" SHADOWTAP_BINARY
                              " SHADOWTAP_API=http://" + address() +
                              " SHADOWTAP_TOKEN_FILE=token SHADOWTAP_WAIT=1s timeout 30 " +
                              script.string() + " orders";
  const Ran passed = run(command);
  EXPECT_EQ(passed.code, 0) << passed.output;
  verdict_is("fail");
  EXPECT_EQ(run(command).code, 1);
  std::ifstream report(folder_ / "shadowtap-report.xml");
  std::stringstream text;
  text << report.rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("<testsuite name=\"orders\""));
}

class PageTest : public ToolsTest {
 protected:
  // The page's document after its scripts ran.
  std::string page(const std::string& hash) {
    const Ran ran = run("timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir=" +
                        (folder_ / "profile").string() +
                        " --virtual-time-budget=5000 --dump-dom 'http://" + address() + "/" + hash +
                        "' 2>/dev/null");
    return ran.output;
  }
};

TEST_F(PageTest, ShowsTheVerdictAndTheEndpoints) {
  NEEDS("chromium");
  serve(false);
  verdict_is("fail");
  const std::string text = page("");
  EXPECT_THAT(text, HasSubstr("<span class=\"tag fail\">fail</span>"));
  EXPECT_THAT(text, HasSubstr("GET /orders/{id}</a>"));
  EXPECT_THAT(text, HasSubstr("because of orders"));
}

TEST_F(PageTest, ShowsFieldsWithTheirReasonsAndDiffsSideBySide) {
  NEEDS("chromium");
  serve(false);
  const std::string fields = page("#/endpoint/e%2F1");
  EXPECT_THAT(fields, HasSubstr("<code>$.price</code>"));
  EXPECT_THAT(fields, HasSubstr("<span class=\"tag regression\">regression</span>"));
  EXPECT_THAT(page("#/diff/d1"), HasSubstr("\"price\": 1"));
}

TEST_F(PageTest, CapturedMarkupStaysText) {
  NEEDS("chromium");
  results.row.uri = "/<img src=x onerror=\"document.title='owned'\">";
  results.row.differences[0].original = "<script>document.title='owned'</script>";
  serve(false);
  const std::string text = page("#/endpoint/e%2F1");
  EXPECT_THAT(text, HasSubstr("&lt;img src=x"));
  EXPECT_THAT(text, HasSubstr("<title>shadowtap</title>"));
}

TEST_F(PageTest, AsksForTheTokenWhereOneIsSet) {
  NEEDS("chromium");
  serve(true);
  EXPECT_THAT(page(""), HasSubstr("type=\"password\""));
}

}  // namespace
}  // namespace shadowtap::api
