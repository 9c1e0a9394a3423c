// Run-time edits against the real configuration reader.
#include <gtest/gtest.h>

#include <system_error>

#include "agent/edits/config_edits.h"
#include "tests/unit/api/fakes.h"

namespace shadowtap::edits {
namespace {

// Keeps what it is given in a configuration, as the agent does.
class KeepingControl : public api::FakeControl {
 public:
  explicit KeepingControl(config::Config& config) : config_(config) {}
  Result<> put_rules(const std::string&, const diff::Rules& rules) override {
    config_.services[0].compare = rules;
    return {};
  }
  Result<> put_select(const std::string&, const shadow::SelectOptions& select) override {
    config_.services[0].select = select;
    return {};
  }
  Result<> put_dispatch(const std::string&, const shadow::DispatchOptions& dispatch) override {
    config_.services[0].dispatch = dispatch;
    return {};
  }
  Result<> put_target(const std::string&, const shadow::TargetOptions& target) override {
    put.push_back(target);
    if (target.role == shadow::Role::kSecondary) config_.services[0].secondary = target;
    return {};
  }
  std::vector<shadow::TargetOptions> put;

 private:
  config::Config& config_;
};

class EditsTest : public ::testing::Test {
 protected:
  EditsTest() {
    config::ServiceConfig orders;
    orders.name = "orders";
    orders.candidate.emplace();
    orders.candidate->url = "http://10.0.0.9:8080";
    orders.candidate->set_headers = {{"Authorization", "Bearer very-secret"}};
    config_.services.push_back(orders);
  }
  std::string refused(const std::string& section, const std::string& json) {
    const auto written = edits_.write("orders", section, json);
    return written ? "written" : written.error().message();
  }
  // Whether the call is one that this API's callers may not make; nothing was changed then.
  bool forbidden(const std::string& section, const std::string& json) {
    const std::size_t before = control_.put.size();
    const auto written = edits_.write("orders", section, json);
    if (written) return false;
    EXPECT_EQ(control_.put.size(), before);
    return written.error().code == std::errc::operation_not_permitted;
  }
  config::Config config_;
  config::Config said_;
  KeepingControl control_{config_};
  ConfigEdits edits_{config_, said_, control_};
};

// What only the agent may read or reach, each in a body of its own.
constexpr const char* kReaching[] = {
    R"({"url": "unix:/run/docker.sock"})",
    R"({"url": "http://10.0.0.7", "headers": {"from_file": {"X-Key": "/etc/shadow"}}})",
    R"({"url": "http://10.0.0.7", "headers": {"from_environment": {"X-Key": "TOKEN"}}})",
    R"({"url": "https://10.0.0.7", "tls": {"ca_file": "/etc/shadow"}})",
    R"({"url": "https://10.0.0.7", "tls": {"certificate_file": "/c", "key_file": "/k"}})",
};

TEST_F(EditsTest, SamplingGoesInAndComesOut) {
  ASSERT_TRUE(edits_.write("orders", "select", R"({"sample": 12.5, "methods": ["GET", "POST"]})"));
  EXPECT_EQ(config_.services[0].select.sample, 12.5);
  const auto text = edits_.read("orders", "select");
  ASSERT_TRUE(text);
  const auto body = boost::json::parse(*text);
  EXPECT_EQ(body.at("sample").to_number<double>(), 12.5);
  EXPECT_EQ(body.at("methods").as_array().size(), 2u);
}

TEST_F(EditsTest, WhatIsReadCanBeWrittenBack) {
  ASSERT_TRUE(edits_.write("orders", "compare", R"({"ignore": [{"path": "$.a", "reason": "known"}]})"));
  for (const char* section : {"compare", "select", "sending"}) {
    const auto text = edits_.read("orders", section);
    ASSERT_TRUE(text);
    EXPECT_EQ(refused(section, *text), "written") << *text;
    EXPECT_EQ(edits_.read("orders", section), text);
  }
}

TEST_F(EditsTest, HowIsSentGoesInAndComesOutButForThePrograms) {
  config_.services[0].dispatch.middleware = "mask";
  config_.services[0].dispatch.mark = 7;
  ASSERT_TRUE(edits_.write("orders", "sending", R"({"order": "none", "aliases": [{"cookie": "sid"}]})"));
  const shadow::DispatchOptions& dispatch = config_.services[0].dispatch;
  EXPECT_EQ(dispatch.order, shadow::Order::kNone);
  EXPECT_EQ(dispatch.aliases.size(), 1u);
  EXPECT_EQ(dispatch.middleware, "mask");
  EXPECT_EQ(dispatch.mark, 7u);
  EXPECT_NE(refused("sending", R"({"middleware": "rm -r /"})").find("unknown key 'middleware'"),
            std::string::npos);
  std::string many = R"({"cookie": "c"})";
  for (int i = 0; i < 64; ++i) many += R"(, {"cookie": "c"})";
  const std::string wrong[] = {R"({"order": "chaos"})", R"({"original_timeout": "2562047h"})",
                               R"({"aliases": [{"json_path": "$[*]..x["}]})",
                               R"({"aliases": [{"cookie": "a b"}]})", R"({"aliases": [)" + many + "]}"};
  EXPECT_NE(refused("candidate", R"({"url": "http://c", "max_answer": "1TiB"})"), "written");
  EXPECT_NE(refused("candidate", R"({"url": "http://c", "max_answer": "2GiB"})").find("at most 1GiB"), std::string::npos);
  EXPECT_NE(refused("select", R"({"max_request_body": "2GiB"})"), "written");
  for (const std::string& body : wrong) EXPECT_NE(refused("sending", body), "written") << body;
  ASSERT_TRUE(edits_.write("orders", "sending",
                           R"({"aliases": [{"json_path": "$.a[0]['b c'].d"}, {"json_path": "$.token"}]})"));
  EXPECT_EQ(edits_.read("orders", "sending")->find("mask"), std::string::npos);
}

TEST_F(EditsTest, MistakesAreNamedWithTheirPlaceAndTheNearestKey) {
  EXPECT_NE(refused("select", R"({"samlpe": 5})").find("did you mean 'sample'"), std::string::npos)
      << refused("select", R"({"samlpe": 5})");
  EXPECT_NE(refused("select", R"({"sample": 500})"), "written");
  EXPECT_NE(refused("compare", R"({"ignore": ["$.["]})"), "written");
  EXPECT_NE(refused("candidate", R"({"url": "gopher://x"})"), "written");
  EXPECT_EQ(config_.services[0].select.sample, 100) << "nothing was changed";
}

TEST_F(EditsTest, SecretsAreNeitherShownNorOverwrittenByTheirStars) {
  const auto text = edits_.read("orders", "candidate");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->find("very-secret"), std::string::npos) << *text;
  if (text->find("***") != std::string::npos) {
    EXPECT_NE(refused("candidate", *text).find("*** stands for"), std::string::npos);
  }
}

TEST_F(EditsTest, WithoutATokenACallDoesNotHaveTheAgentReadForIt) {
  for (const char* body : kReaching) {
    for (const char* section : {"candidate", "secondary", "mirror:m"}) {
      EXPECT_TRUE(forbidden(section, body)) << section << " " << body;
    }
  }
  const std::string why = refused("mirror:m", kReaching[1]);
  EXPECT_NE(why.find("headers.from_file: "), std::string::npos) << why;
  EXPECT_NE(why.find("set api.token_file or api.unix_socket"), std::string::npos) << why;
  EXPECT_FALSE(forbidden("mirror:m", R"({"url": "https://10.0.0.7", "headers": {"set": {"X-A": "b"}}})"));
  EXPECT_EQ(control_.put.size(), 1u);
}

TEST_F(EditsTest, AProtectedApiMayBeToldAll) {
  for (void (*protect)(config::ApiOptions&) : {
           +[](config::ApiOptions& api) { api.token_file = "/etc/token"; },
           +[](config::ApiOptions& api) { api.unix_socket = "/run/api.sock"; },
           +[](config::ApiOptions& api) { api.listen = "unix:/run/api.sock"; }}) {
    config_.api = {};
    protect(config_.api);
    for (const char* body : kReaching) EXPECT_EQ(refused("mirror:m", body), "written") << body;
  }
}

TEST_F(EditsTest, WhatATargetIsToldAlreadyMayStayWhileItsUrlDoes) {
  shadow::TargetOptions& candidate = *config_.services[0].candidate;
  candidate.secret_headers = {{"X-Key", "/etc/key", ""}};
  const auto with = [](const std::string& url, const std::string& file) {
    return R"({"timeout": "9s", "url": ")" + url + R"(", "headers": {"from_file": {"X-Key": ")" + file + R"("}}})";
  };
  EXPECT_FALSE(forbidden("candidate", with(candidate.url, "/etc/key")));
  EXPECT_EQ(control_.put.size(), 1u);
  EXPECT_TRUE(forbidden("candidate", with(candidate.url, "/etc/shadow")));
  EXPECT_TRUE(forbidden("candidate", with("http://10.6.6.6:80", "/etc/key"))) << "it would be sent elsewhere";
  EXPECT_TRUE(forbidden("mirror:m", with(candidate.url, "/etc/key"))) << "told to another target";
}

TEST_F(EditsTest, WhatTheFileSaysOfARemovedTargetMayBePutAgain) {
  said_ = config_;
  said_.services[0].candidate->url = "unix:/run/next.sock";
  config_.services[0].candidate.reset();
  EXPECT_EQ(refused("candidate", R"({"url": "unix:/run/next.sock"})"), "written");
  EXPECT_TRUE(forbidden("candidate", R"({"url": "unix:/run/docker.sock"})"));
}

TEST_F(EditsTest, AMistypedHeaderDoesNotShowItsValue) {
  const std::string why =
      refused("candidate", R"({"url": "http://x", "headers": {"set": {"Authorization ": "Bearer s3cret"}}})");
  EXPECT_NE(why.find("'Authorization…' is not a header"), std::string::npos) << why;
  EXPECT_EQ(why.find("s3cret"), std::string::npos) << why;
}

TEST_F(EditsTest, TargetsGetTheirRole) {
  ASSERT_TRUE(edits_.write("orders", "secondary", R"({"url": "http://10.0.0.8:8080"})"));
  ASSERT_TRUE(edits_.write("orders", "mirror:m1", R"({"url": "http://10.0.0.7:8080"})"));
  ASSERT_EQ(control_.put.size(), 2u);
  EXPECT_EQ(control_.put[0].role, shadow::Role::kSecondary);
  EXPECT_EQ(control_.put[1].role, shadow::Role::kMirror);
  EXPECT_EQ(control_.put[1].name, "m1");
  EXPECT_TRUE(edits_.read("orders", "secondary"));
  EXPECT_FALSE(edits_.read("orders", "mirror:none"));
  EXPECT_FALSE(edits_.read("nobody", "select"));
}

}  // namespace
}  // namespace shadowtap::edits
