// Run-time edits against the real configuration reader.
#include <gtest/gtest.h>

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
  config::Config config_;
  KeepingControl control_{config_};
  ConfigEdits edits_{config_, control_};
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
  for (const char* section : {"compare", "select"}) {
    const auto text = edits_.read("orders", section);
    ASSERT_TRUE(text);
    EXPECT_EQ(refused(section, *text), "written") << *text;
    EXPECT_EQ(edits_.read("orders", section), text);
  }
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
