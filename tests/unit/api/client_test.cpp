#include "agent/api/client.h"

#include <gtest/gtest.h>

#include "agent/api/listen_address.h"
#include "tests/unit/api/running_server.h"

namespace shadowtap::api {
namespace {

TEST(Url, TakesTheFormsThatPeopleWrite) {
  const auto plain = Url::parse("http://10.0.0.1:9900");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->authority(), "10.0.0.1:9900");
  EXPECT_EQ(plain->path, "/");
  const auto v6 = Url::parse("https://user:pw@[::1]:9443/base?x=1#f");
  ASSERT_TRUE(v6);
  EXPECT_TRUE(v6->tls);
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->user_info, "user:pw");
  EXPECT_EQ(v6->path, "/base?x=1");
  EXPECT_EQ(Url::parse("https://host")->port, "443");
  EXPECT_EQ(Url::parse("unix:/run/a.sock")->unix_path, "/run/a.sock");
}

TEST(Url, RefusesTheRest) {
  for (const char* wrong : {"", "localhost:9900", "ftp://x", "http://", "http://:80", "http://a:b",
                            "http://[::1", "http://a b/", "unix:relative", "http://[::1]x:80"}) {
    EXPECT_FALSE(Url::parse(wrong)) << wrong;
  }
}

TEST(Client, QueryValuesAreEncoded) {
  EXPECT_EQ(query_pair("service", "a b&c/é"), "service=a%20b%26c%2F%C3%A9");
}

Router slow_router() {
  Router router;
  router.add("GET", "/quick", [](const Request& r) {
    return Response{200, "text/plain", r.query.empty() ? "none" : r.query[0].second, {}};
  });
  return router;
}

TEST(Client, CallsOverTcpWithABasePath) {
  RunningServer running(any_port(), slow_router());
  const auto client = Client::open("http://" + running.server->address() + "/", "");
  ASSERT_TRUE(client);
  const auto answer = client->ask("GET", "/quick?q=7");
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->status, 200u);
  EXPECT_EQ(answer->body, "7");
}

TEST(Client, CallsOverAUnixSocket) {
  const std::string path = ::testing::TempDir() + "shadowtap-client-" + std::to_string(::getpid());
  ServerOptions options;
  options.unix_socket = path;
  RunningServer running(options, slow_router());
  const auto client = Client::open("unix:" + path, "");
  ASSERT_TRUE(client);
  const auto answer = client->ask("GET", "/quick");
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, "none");
}

TEST(Client, GivesUpOnASilentPeer) {
  ListenAddress address = *ListenAddress::parse("127.0.0.1:0");
  const auto silent = listen_on(address);  // accepts in the kernel, never answers
  ASSERT_TRUE(silent);
  OutgoingCall outgoing;
  outgoing.url = *Url::parse("http://" + address.to_string());
  outgoing.timeout = std::chrono::milliseconds(50);
  const auto answer = call(std::move(outgoing));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message().find("read the answer of 127.0.0.1:"), 0u)
      << answer.error().message();
}

}  // namespace
}  // namespace shadowtap::api
