// The webhook against a receiver of our own over a real socket.
#include "agent/api/notifier.h"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "tests/unit/api/running_server.h"

namespace shadowtap::api {
namespace {

// Answers with the given statuses, the last one for ever, and keeps the bodies.
class Receiver {
 public:
  explicit Receiver(std::vector<unsigned> statuses) : statuses_(std::move(statuses)) {
    Router router;
    router.add("POST", "/hook", [this](const Request& request) {
      const std::size_t turn = std::min(bodies_.size(), statuses_.size() - 1);
      bodies_.push_back(request.body);
      return Response{statuses_[turn], "text/plain", "", {}};
    });
    running_ = std::make_unique<RunningServer>(any_port(), std::move(router));
  }
  std::string url() const { return "http://" + running_->server->address() + "/hook"; }
  std::vector<std::string> bodies() {
    return running_->on_its_thread([this] { return bodies_; });
  }

 private:
  std::vector<unsigned> statuses_;
  std::vector<std::string> bodies_;
  std::unique_ptr<RunningServer> running_;
};

results::VerdictChange change(const std::string& after) {
  results::VerdictChange change;
  change.service = "orders";
  change.before = "inconclusive";
  change.after = after;
  change.answer.verdict = after;
  return change;
}

NotifierOptions quick(const std::string& url) {
  NotifierOptions options;
  options.url = url;
  options.first_pause = std::chrono::milliseconds(1);
  options.longest_pause = std::chrono::milliseconds(2);
  return options;
}

// Runs until all of `n` were delivered or given up; the tests' own time limit is the bound.
void run_until_done(boost::asio::io_context& io, const Notifier& notifier, std::uint64_t n) {
  while (notifier.counts().delivered + notifier.counts().failed < n) {
    if (io.run_one_for(std::chrono::seconds(10)) == 0) FAIL() << "nothing happens any more";
  }
}

TEST(Notifier, DeliversInOrderAndTriesAgain) {
  Receiver receiver({503, 429, 204});
  boost::asio::io_context io;
  const auto notifier = Notifier::start(io, quick(receiver.url()));
  ASSERT_TRUE(notifier);
  (*notifier)->notify(change("fail"));
  (*notifier)->notify(change("pass"));
  run_until_done(io, **notifier, 2);
  EXPECT_EQ((*notifier)->counts().delivered, 2u);
  const auto bodies = receiver.bodies();
  ASSERT_EQ(bodies.size(), 4u) << "two refusals, then both";
  EXPECT_EQ(bodies[0], bodies[2]) << "the same delivery again";
  const auto body = boost::json::parse(bodies[2]);
  EXPECT_EQ(body.at("before").as_string(), "inconclusive");
  EXPECT_EQ(body.at("after").as_string(), "fail");
  EXPECT_EQ(body.at("verdict").at("verdict").as_string(), "fail");
  EXPECT_EQ(boost::json::parse(bodies[3]).at("after").as_string(), "pass");
}

TEST(Notifier, GivesUpAfterItsAttemptsOrAtARefusal) {
  Receiver busy({500}), forbidding({403});
  boost::asio::io_context io;
  NotifierOptions options = quick(busy.url());
  options.attempts = 3;
  const auto one = Notifier::start(io, options);
  (*one)->notify(change("fail"));
  run_until_done(io, **one, 1);
  EXPECT_EQ(busy.bodies().size(), 3u);
  const auto other = Notifier::start(io, quick(forbidding.url()));
  (*other)->notify(change("fail"));
  run_until_done(io, **other, 1);
  EXPECT_EQ(forbidding.bodies().size(), 1u);
  EXPECT_EQ((*other)->counts().failed, 1u);
}

TEST(Notifier, TheOldestWaitingIsDropped) {
  boost::asio::io_context io;
  NotifierOptions options = quick("http://127.0.0.1:1/");
  options.max_waiting = 2;
  const auto notifier = Notifier::start(io, options);
  for (int i = 0; i < 5; ++i) (*notifier)->notify(change("fail"));
  EXPECT_EQ((*notifier)->counts().dropped, 3u);
}

TEST(Notifier, StopEndsItsWork) {
  boost::asio::io_context io;
  NotifierOptions options = quick("http://127.0.0.1:1/");
  options.first_pause = std::chrono::hours(1);
  options.longest_pause = std::chrono::hours(1);
  const auto notifier = Notifier::start(io, options);
  (*notifier)->notify(change("fail"));
  io.run_for(std::chrono::milliseconds(20));
  (*notifier)->stop();
  io.run();  // returns: nothing is left to wait for
  EXPECT_EQ((*notifier)->counts().delivered, 0u);
}

// RFC 4231 has no case with our framing; checked with `openssl dgst -sha256 -hmac`.
TEST(Notifier, SignatureIsHmacSha256OfTimestampAndBody) {
  EXPECT_EQ(sign("key", "1700000000", "{}"),
            "sha256=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae");
}

TEST(Notifier, AWrongUrlOrSecretIsAnErrorAtStart) {
  boost::asio::io_context io;
  EXPECT_FALSE(Notifier::start(io, quick("hooks.example")));
  NotifierOptions options = quick("http://127.0.0.1:1/");
  options.secret_file = "/nonexistent/secret";
  EXPECT_FALSE(Notifier::start(io, options));
}

}  // namespace
}  // namespace shadowtap::api
