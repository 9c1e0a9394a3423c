// The server over real sockets: a blocking client on the test's thread, the io_context
// on another.
#include "agent/api/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "agent/base/unique_fd.h"
#include "tests/unit/api/running_server.h"

namespace shadowtap::api {
namespace {

namespace fs = std::filesystem;

Router small_router() {
  Router router;
  router.add("GET", "/healthz", [](const Request&) { return Response{200, "text/plain", "ok", {}}; });
  router.add("POST", "/api/v1/echo",
             [](const Request& r) { return Response{200, "text/plain", r.body, {}}; });
  return router;
}

class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "shadowtap-api-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path_); }
  std::string file(const std::string& name, const std::string& content = {}) const {
    const std::string path = path_ / name;
    if (!content.empty()) std::ofstream(path) << content;
    return path;
  }

 private:
  fs::path path_;
};

class Client {
 public:
  explicit Client(const std::string& address) {
    if (address.starts_with("unix:")) {
      sockaddr_un to{};
      to.sun_family = AF_UNIX;
      address.copy(to.sun_path, sizeof to.sun_path - 1, 5);
      open(AF_UNIX, &to, sizeof to);
    } else {
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      to.sin_port = htons(static_cast<std::uint16_t>(
          std::atoi(address.substr(address.rfind(':') + 1).c_str())));
      open(AF_INET, &to, sizeof to);
    }
  }
  void send(std::string_view bytes) {
    EXPECT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Until the server closes, or `stop` was seen.
  std::string receive(std::string_view stop = {}) {
    std::string text;
    char buffer[4096];
    while (stop.empty() || text.find(stop) == std::string::npos) {
      const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
      if (n <= 0) break;
      text.append(buffer, static_cast<std::size_t>(n));
    }
    return text;
  }
  std::string ask(const std::string& request) {
    send(request);
    return receive();
  }

 private:
  void open(int family, const void* to, std::size_t size) {
    fd_.reset(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval limit{5, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    connected = ::connect(fd_.get(), static_cast<const sockaddr*>(to),
                          static_cast<socklen_t>(size)) == 0;
  }
  UniqueFd fd_;

 public:
  bool connected = false;
};

class Running : public RunningServer {
 public:
  explicit Running(const ServerOptions& options)
      : RunningServer(options, small_router(), small_router()) {}
};

std::string refused(ServerOptions options) {
  boost::asio::io_context io;
  auto started = Server::start(io, options, small_router(), small_router());
  return started ? "started" : started.error().message();
}

TEST(Server, AnswersAndKeepsTheConnection) {
  Running running(any_port());
  Client client(running.server->address());
  client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_NE(client.receive("\r\n\r\nok").find("HTTP/1.1 200 OK"), std::string::npos);
  const std::string second = client.ask(
      "POST /api/v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
      "Connection: close\r\n\r\nabc");
  EXPECT_TRUE(second.ends_with("\r\n\r\nabc")) << second;
  EXPECT_EQ(running.counts().accepted, 1u);
  EXPECT_EQ(running.counts().requests, 2u);
}

TEST(Server, HeadHasTheLengthButNotTheBody) {
  Running running(any_port());
  const std::string text = Client(running.server->address())
                               .ask("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n"
                                    "Connection: close\r\n\r\n");
  EXPECT_NE(text.find("Content-Length: 2\r\n"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
}

TEST(Server, PipelinedRequestsAreAnsweredInOrder) {
  Running running(any_port());
  const std::string text =
      Client(running.server->address())
          .ask("POST /api/v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\none"
               "POST /api/v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
               "Connection: close\r\n\r\ntwo");
  EXPECT_LT(text.find("one"), text.find("two"));
  EXPECT_TRUE(text.ends_with("two"));
}

TEST(Server, OversizeAndNonsenseGetTheirOwnStatus) {
  ServerOptions options = any_port();
  options.max_header_bytes = 1024;
  options.max_body_bytes = 100;
  Running running(options);
  const auto ask = [&](const std::string& request) {
    return Client(running.server->address()).ask(request).substr(0, 12);
  };
  const std::string host = " HTTP/1.1\r\nHost: localhost\r\n";
  EXPECT_EQ(ask("GET /" + std::string(2000, 'a') + host + "\r\n"), "HTTP/1.1 414");
  EXPECT_EQ(ask("GET /" + host + "X: " + std::string(2000, 'a') + "\r\n\r\n"), "HTTP/1.1 431");
  EXPECT_EQ(ask("POST /api/v1/echo" + host + "Content-Length: 101\r\n\r\n"), "HTTP/1.1 413");
  EXPECT_EQ(ask("POST /api/v1/echo" + host + "Transfer-Encoding: chunked\r\n\r\n80\r\n" +
                std::string(128, 'x') + "\r\n0\r\n\r\n"),
            "HTTP/1.1 413");
  EXPECT_EQ(ask("NOT HTTP AT ALL\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(ask(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15)),
            "HTTP/1.1 400");
  EXPECT_EQ(ask("GET http://elsewhere/" + host + "Connection: close\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(ask("GET /healthz HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 421");
}

TEST(Server, ASlowRequestIsCutOffAtItsDeadline) {
  ServerOptions options = any_port();
  options.read_timeout = std::chrono::milliseconds(100);
  Running running(options);
  Client client(running.server->address());
  client.send("GET /healthz HTTP/1.1\r\nHost: loc");
  const std::string answer = client.receive();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n")) << answer;
  EXPECT_NE(answer.find("application/problem+json"), std::string::npos);
  EXPECT_EQ(Client(running.server->address())
                .ask("POST /api/v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc")
                .substr(0, 12),
            "HTTP/1.1 408");
}

TEST(Server, AnIdleConnectionMakesRoom) {
  ServerOptions options = any_port();
  options.max_connections = 1;
  Running running(options);
  Client first(running.server->address());
  first.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  first.receive("ok");
  EXPECT_TRUE(Client(running.server->address())
                  .ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                  .ends_with("ok"));
  EXPECT_EQ(first.receive(), "");
  EXPECT_EQ(running.counts().evicted_connections, 1u);
}

TEST(Server, AConnectionAtWorkIsNotEvicted) {
  ServerOptions options = any_port();
  options.max_connections = 1;
  Running running(options);
  Client first(running.server->address());
  first.send("POST /api/v1/echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
             "Content-Length: 2\r\n\r\n");
  EXPECT_TRUE(first.receive("\r\n\r\n").starts_with("HTTP/1.1 100"));
  EXPECT_EQ(Client(running.server->address()).receive(), "");
  first.send("ok");
  EXPECT_TRUE(first.receive("\r\n\r\nok").starts_with("HTTP/1.1 200"));
  EXPECT_EQ(running.counts().refused_connections, 1u);
}

TEST(Server, AnAnswerMayComeLaterOrNotAtAll) {
  ServerOptions options = any_port();
  options.answer_timeout = std::chrono::milliseconds(50);
  Router router;
  router.add("GET", "/soon", [](const Request&) {
    Response response;
    response.later = [](auto take) { take(Response{200, "text/plain", "now", {}}); };
    return response;
  });
  router.add("GET", "/never", [](const Request&) {
    Response response;
    response.later = [](auto) {};
    return response;
  });
  RunningServer running(options, std::move(router));
  const std::string end = " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  EXPECT_TRUE(Client(running.server->address()).ask("GET /soon" + end).ends_with("now"));
  EXPECT_TRUE(
      Client(running.server->address()).ask("GET /never" + end).starts_with("HTTP/1.1 504"));
}

TEST(Server, StopEndsTheWaitForALateAnswer) {
  Router router;
  router.add("GET", "/never", [](const Request&) {
    Response response;
    response.later = [](auto) {};
    return response;
  });
  auto running = std::make_unique<RunningServer>(any_port(), std::move(router));
  Client client(running->server->address());
  client.send("GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n");
  while (running->counts().requests == 0) std::this_thread::yield();
  running.reset();  // well before the answer's 30 s
  EXPECT_EQ(client.receive(), "");
}

TEST(Server, EventsFlowUntilTheReaderLeaves) {
  ServerOptions options = any_port();
  options.event_interval = std::chrono::milliseconds(1);
  options.max_event_readers = 1;
  Router router;
  router.add("GET", "/events", [](const Request&) {
    Response response;
    response.events = [n = 0]() mutable { return "data: " + std::to_string(++n) + "\n\n"; };
    return response;
  });
  RunningServer running(options, std::move(router));
  const std::string request = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
  auto reader = std::make_unique<Client>(running.server->address());
  reader->send(request);
  const std::string text = reader->receive("data: 3\n\n");
  EXPECT_NE(text.find("Content-Type: text/event-stream\r\n"), std::string::npos);
  EXPECT_NE(text.find("data: 1\n\ndata: 2\n\n"), std::string::npos);
  EXPECT_TRUE(Client(running.server->address()).ask(request).starts_with("HTTP/1.1 503"));
  reader.reset();
  while (running.counts().event_readers > 0) std::this_thread::yield();
}

TEST(Server, AReaderOfEventsThatReadsNothingIsCutOff) {
  ServerOptions options = any_port();
  options.event_interval = std::chrono::milliseconds(1);
  options.write_timeout = std::chrono::milliseconds(100);
  Router router;
  router.add("GET", "/events", [](const Request&) {
    Response response;
    response.events = [] { return ": " + std::string(1 << 20, 'x') + "\n\n"; };
    return response;
  });
  RunningServer running(options, std::move(router));
  Client reader(running.server->address());
  reader.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  while (running.counts().event_readers == 0) std::this_thread::yield();
  while (running.counts().event_readers > 0) std::this_thread::yield();
}

TEST(Server, APublicAddressNeedsAToken) {
  ServerOptions options;
  options.listen = "0.0.0.0:0";
  EXPECT_NE(refused(options).find("--api-token-file"), std::string::npos) << refused(options);
  const Folder folder;
  options.token_file = folder.file("short", "tooshort\n");
  EXPECT_NE(refused(options).find("at least 16"), std::string::npos);
  options.token_file = folder.file("none");
  EXPECT_NE(refused(options).find("none: No such file"), std::string::npos);
}

TEST(Server, WithATokenOnlyItsBearerGetsIn) {
  const Folder folder;
  ServerOptions options;
  options.listen = "0.0.0.0:0";
  options.token_file = folder.file("token", "0123456789abcdef\n");
  Running running(options);
  const std::string head = "POST /api/v1/echo HTTP/1.1\r\nHost: any.name\r\nContent-Length: 0\r\n"
                           "Connection: close\r\n";
  EXPECT_TRUE(Client(running.server->address()).ask(head + "\r\n").starts_with("HTTP/1.1 401"));
  EXPECT_TRUE(Client(running.server->address())
                  .ask(head + "Authorization: Bearer 0123456789abcdef\r\n\r\n")
                  .starts_with("HTTP/1.1 200"));
}

TEST(Server, AnAddressInUseIsNamed) {
  Running running(any_port());
  ServerOptions options;
  options.listen = running.server->address();
  EXPECT_EQ(refused(options), "listen on " + options.listen + ": Address already in use");
}

TEST(Server, AUnixSocketIsPrivateAndReplacedWhenDead) {
  const Folder folder;
  const std::string path = folder.file("api.sock");
  ServerOptions options = any_port();
  options.unix_socket = path;
  {
    Running running(options);
    struct stat info{};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0660u);
    EXPECT_TRUE(Client("unix:" + path)
                    .ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    .ends_with("ok"));
    EXPECT_NE(refused(options).find("Address already in use"), std::string::npos);
  }
  EXPECT_FALSE(fs::exists(path));
  {  // a killed agent's: bound, nobody listens
    const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    path.copy(to.sun_path, sizeof to.sun_path - 1);
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  EXPECT_EQ(refused(options), "started");
}

TEST(Server, TheMetricsListenerAsksForNothing) {
  ServerOptions options = any_port();
  options.metrics_listen = "0.0.0.0:0";
  Running running(options);
  EXPECT_TRUE(Client(running.server->metrics_address())
                  .ask("GET /healthz HTTP/1.1\r\nHost: any.name\r\nConnection: close\r\n\r\n")
                  .ends_with("ok"));
}

TEST(Server, StopEndsOpenConnections) {
  auto running = std::make_unique<Running>(any_port());
  Client client(running->server->address());
  client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  client.receive("ok");
  running.reset();  // returns only when every coroutine ended
  EXPECT_EQ(client.receive(), "");
}

}  // namespace
}  // namespace shadowtap::api
