// The commands against a real server over fakes: what they print and how they exit.
#include "agent/commands/commands.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/unit/api/fakes.h"
#include "tests/unit/api/running_server.h"

namespace shadowtap::commands {
namespace {

class CommandsTest : public ::testing::Test, public api::Fixture {
 protected:
  CommandsTest() {
    api_.api = "http://" + running_.server->address();
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
  }
  ~CommandsTest() override {
    if (captured_) return;
    ::testing::internal::GetCapturedStdout();
    ::testing::internal::GetCapturedStderr();
  }
  // Once a test.
  void read_output() {
    captured_ = true;
    out_ = ::testing::internal::GetCapturedStdout();
    err_ = ::testing::internal::GetCapturedStderr();
  }
  int verdict_exit(std::optional<Duration> wait = std::nullopt) {
    config::VerdictCommand command;
    command.api = api_;
    command.wait = wait;
    return verdict(command);
  }

  api::RunningServer running_{api::any_port(), router};
  config::ApiCommand api_;
  std::string out_, err_;
  bool captured_ = false;
};

TEST_F(CommandsTest, TheVerdictIsTheExitCode) {
  EXPECT_EQ(verdict_exit(), 0);
  running_.on_its_thread([this] { return results.verdicts["orders"] = "fail"; });
  EXPECT_EQ(verdict_exit(), 1);
  running_.on_its_thread([this] { return results.verdicts["orders"] = "inconclusive"; });
  EXPECT_EQ(verdict_exit(), 3);
  read_output();
  EXPECT_NE(out_.find("fail (4 compared since 2023-11-14T22:13:20.000Z)\n  - because of orders\n"
                      "  needs /orders/{id}: about 200 more comparisons, 13s at this rate\n"),
            std::string::npos)
      << out_;
}

TEST_F(CommandsTest, WaitEndsWithTheVerdict) {
  running_.on_its_thread([this] { return results.verdicts["orders"] = "inconclusive"; });
  std::thread later([this] {
    while (running_.counts().requests < 2) std::this_thread::yield();
    running_.on_its_thread([this] { return results.verdicts["orders"] = "fail"; });
  });
  EXPECT_EQ(verdict_exit(std::chrono::seconds(30)), 1);
  later.join();
}

TEST_F(CommandsTest, WaitEndsWithTheTime) {
  running_.on_its_thread([this] { return results.verdicts["orders"] = "inconclusive"; });
  EXPECT_EQ(verdict_exit(std::chrono::milliseconds(1)), 3);
}

TEST_F(CommandsTest, AnUnknownServiceIsAnErrorAtOnce) {
  api_.service = "ordres";
  EXPECT_EQ(verdict_exit(std::chrono::seconds(30)), 2);
  read_output();
  EXPECT_NE(err_.find("did you mean 'orders'"), std::string::npos) << err_;
}

TEST_F(CommandsTest, AnAgentThatIsNotThereIsAnError) {
  api_.api = "http://127.0.0.1:1";
  EXPECT_EQ(verdict_exit(), 2);
  EXPECT_EQ(verdict_exit(std::chrono::milliseconds(1)), 2);
  EXPECT_EQ(report({api_, "text"}), 1);
  EXPECT_EQ(pause({api_}), 1);
  api_.api = "localhost:9900";
  EXPECT_EQ(resume({api_}), 1);
  read_output();
  EXPECT_NE(err_.find("no agent at http://127.0.0.1:1 (--api URL names another): Connection refused"), std::string::npos) << err_;
  EXPECT_NE(err_.find("'localhost:9900' is not a URL"), std::string::npos) << err_;
}

TEST_F(CommandsTest, PauseAndResumePrintTheNewState) {
  EXPECT_EQ(pause({api_}), 0);
  EXPECT_TRUE(running_.on_its_thread([this] { return control.services_[0].paused; }));
  api_.service = "orders";
  EXPECT_EQ(resume({api_}), 0);
  read_output();
  EXPECT_EQ(out_, "orders: paused, observing only\norders: sending\n");
}

TEST_F(CommandsTest, ReportPrintsTheDocument) {
  EXPECT_EQ(report({api_, "md"}), 0);
  read_output();
  EXPECT_TRUE(out_.starts_with("# shadowtap report, ")) << out_;
}

}  // namespace
}  // namespace shadowtap::commands
