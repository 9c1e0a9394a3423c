// `shadowtap compare` as a function: real files, a real server on loopback, the exit code
// and what is printed.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "agent/base/unique_fd.h"
#include "agent/commands/commands.h"
#include "agent/commands/compare_output.h"

namespace shadowtap {
namespace {

using ::testing::HasSubstr;

class CompareCommandTest : public ::testing::Test {
 protected:
  CompareCommandTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "compareXXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~CompareCommandTest() override { std::filesystem::remove_all(directory_); }

  std::string file(const std::string& name, const std::string& content) {
    const auto path = directory_ / name;
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
  }

  int run(config::CompareCommand command) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = commands::compare(command);
    out_ = ::testing::internal::GetCapturedStdout();
    error_ = ::testing::internal::GetCapturedStderr();
    return code;
  }
  int run(const std::string& left, const std::string& right) {
    config::CompareCommand command;
    command.left = left;
    command.right = right;
    return run(command);
  }

  std::filesystem::path directory_;
  std::string out_;
  std::string error_;
};

TEST_F(CompareCommandTest, EqualBodiesExitZero) {
  EXPECT_EQ(run(file("l", "{\"a\":1}"), file("r", "{ \"a\": 1.0 }")), 0);
  EXPECT_EQ(out_, "{\"equal\":true,\"truncated\":false,\"differences\":[]}\n");
}

TEST_F(CompareCommandTest, DifferingBodiesExitOneWithExactValues) {
  EXPECT_EQ(run(file("l", R"({"a":18446744073709551617,"s":"x"})"),
                file("r", R"({"a":18446744073709551618,"n":null})")), 1);
  EXPECT_EQ(out_,
            R"({"equal":false,"truncated":false,"differences":[)"
            R"({"path":"$.a","kind":"value","left":18446744073709551617,"right":18446744073709551618},)"
            R"({"path":"$.s","kind":"missing","left":"x","right":null},)"
            R"({"path":"$.n","kind":"extra","left":null,"right":null}]})" "\n");
}

TEST_F(CompareCommandTest, RawResponsesAreComparedWhole) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n";
  EXPECT_EQ(run(file("l", head + "ETag: a\r\n\r\nhi"),
                file("r", "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nETag: b\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n2\r\nho\r\n0\r\n\r\n")), 1);
  EXPECT_THAT(out_, HasSubstr(R"("path":"status","kind":"status")"));
  EXPECT_THAT(out_, HasSubstr(R"("path":"headers.etag","kind":"value","left":"a","right":"b")"));
  EXPECT_THAT(out_, HasSubstr(R"("path":"line 1","kind":"text","left":"hi","right":"ho")"));
}

TEST_F(CompareCommandTest, ARawResponseAgainstABodyComparesTheBodies) {
  EXPECT_EQ(run(file("l", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), file("r", "{ }")), 0);
}

TEST_F(CompareCommandTest, TwoListingsAgreeOrNot) {
  config::CompareCommand command;
  command.left = file("old", "{\"id\":1,\"ts\":5,\"v\":1}\n{\"id\":2,\"ts\":6,\"v\":2}\n");
  command.right = file("new", "{\"id\":2,\"ts\":8,\"v\":3}\n{\"id\":1,\"ts\":7,\"v\":1}\n");
  command.rules_file = file("rules.yaml", "ignore: [\"$[*].ts\"]\nunordered:\n  - { path: \"$\", key: id }\n");
  EXPECT_EQ(run(command), 1) << error_;
  EXPECT_THAT(out_, HasSubstr(R"([{"path":"$[1].v","kind":"value","left":2,"right":3,"right_path":"$[0].v"}])"));
}

TEST_F(CompareCommandTest, ErrorsExitTwoAndSayWhatWasTried) {
  EXPECT_EQ(run("/nonexistent/a", file("r", "")), 2);
  EXPECT_THAT(error_, HasSubstr("/nonexistent/a: No such file"));
  EXPECT_EQ(run("ftp://localhost/", file("r", "")), 2);
  EXPECT_THAT(error_, HasSubstr("only http:// and https:// URLs"));
  EXPECT_EQ(run(file("bad", "HTTP/1.1 nonsense\r\n\r\n"), file("r", "")), 2);
  EXPECT_THAT(error_, HasSubstr("begins like an HTTP response and is none"));
  config::CompareCommand command;
  command.left = command.right = file("same", "{}");
  command.rules_file = file("rules.yaml", "ignroe: [x]\n");
  EXPECT_EQ(run(command), 2);
  EXPECT_THAT(error_, HasSubstr("rules.yaml:1:1"));
}

TEST_F(CompareCommandTest, TextIsTwoColumns) {
  config::CompareCommand command;
  command.left = file("l", "{\"a\":1}");
  command.right = file("r", "{\"a\":2}");
  command.format = "text";
  EXPECT_EQ(run(command), 1);
  EXPECT_THAT(out_, HasSubstr("value $.a\n  1"));
  EXPECT_THAT(out_, HasSubstr(" | 2\n1 difference\n"));
}

TEST(CompareOutput, ControlCharactersDoNotReachTheTerminal) {
  diff::Differences differences;
  differences.equal = false;
  differences.all.push_back({"line 1", "line *", diff::Kind::kText, "\x1b[2J", "b", ""});
  EXPECT_THAT(commands::as_text(differences, {.colour = false, .width = 80}),
              HasSubstr("\\x1b[2J"));
  EXPECT_THAT(commands::as_text(differences, {.colour = true, .width = 80}),
              HasSubstr("\x1b[31m\\x1b[2J\x1b[0m"));
}

// Answers one connection with fixed bytes.
class OneAnswer {
 public:
  explicit OneAnswer(std::string bytes) : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_.get(), 1), 0);
    getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, bytes = std::move(bytes)] {
      UniqueFd fd(accept(listener_.get(), nullptr, nullptr));
      char buffer[4096];
      request_.assign(buffer, static_cast<std::size_t>(std::max<ssize_t>(
                                  0, recv(fd.get(), buffer, sizeof buffer, 0))));
      EXPECT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(bytes.size()));
    });
  }
  ~OneAnswer() { join(); }

  void join() {
    if (thread_.joinable()) thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  const std::string& request() const { return request_; }

 private:
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::string request_;
};

TEST_F(CompareCommandTest, UrlsAreFetched) {
  OneAnswer left("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
  OneAnswer right("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"a\":2}");
  EXPECT_EQ(run(left.url() + "/x?y=1", right.url()), 1) << error_;
  EXPECT_THAT(out_, HasSubstr(R"([{"path":"$.a","kind":"value","left":1,"right":2}])"));
  left.join();
  EXPECT_THAT(left.request(), ::testing::StartsWith("GET /x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:"));
}

TEST_F(CompareCommandTest, AServerThatIsNoneIsAnError) {
  OneAnswer server("SSH-2.0-x\r\n");
  EXPECT_EQ(run(server.url(), file("r", "{}")), 2);
  EXPECT_THAT(error_, HasSubstr("bad version"));
}

}  // namespace
}  // namespace shadowtap
