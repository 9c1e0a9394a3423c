#include "agent/api/access.h"

#include <gtest/gtest.h>

#include "agent/api/listen_address.h"

namespace shadowtap::api {
namespace {

Request get(const char* target) {
  Request request;
  EXPECT_TRUE(request.set_target(target));
  return request;
}

TEST(Access, ATokenComesAsBearerOrAsBasicPassword) {
  const AccessRule rule = AccessRule::token("0123456789abcdef");
  const Request status = get("/api/v1/status");
  EXPECT_EQ(rule.judge(status, {"Bearer 0123456789abcdef", "", ""}), Access::kGranted);
  // "flagger:0123456789abcdef"
  EXPECT_EQ(rule.judge(status, {"Basic ZmxhZ2dlcjowMTIzNDU2Nzg5YWJjZGVm", "", ""}),
            Access::kGranted);
  for (const char* wrong : {"", "Bearer", "Bearer ", "Bearer 0123456789abcdeF", "Basic !!!!",
                            "Basic ", "0123456789abcdef", "Bearer 0123456789abcdef0"}) {
    EXPECT_EQ(rule.judge(status, {wrong, "", ""}), Access::kNoToken) << wrong;
  }
}

TEST(Access, OnlyThePageAndLivenessAreOpenWithAToken) {
  const AccessRule rule = AccessRule::token("0123456789abcdef");
  EXPECT_EQ(rule.judge(get("/"), {}), Access::kGranted);
  EXPECT_EQ(rule.judge(get("/healthz"), {}), Access::kGranted);
  EXPECT_EQ(rule.judge(get("/metrics"), {}), Access::kNoToken);
  EXPECT_EQ(rule.judge(get("/readyz"), {}), Access::kNoToken);
}

TEST(Access, WithoutATokenABrowserPageFromElsewhereIsRefused) {
  const AccessRule rule = AccessRule::local();
  const Request pause = get("/api/v1/pause");
  EXPECT_EQ(rule.judge(pause, {"", "localhost:9900", ""}), Access::kGranted);
  EXPECT_EQ(rule.judge(pause, {"", "127.0.0.1:9900", "http://127.0.0.1:9900"}),
            Access::kGranted);
  EXPECT_EQ(rule.judge(pause, {"", "[::1]:9900", ""}), Access::kGranted);
  EXPECT_EQ(rule.judge(pause, {"", "rebound.example:9900", ""}), Access::kForeignHost);
  EXPECT_EQ(rule.judge(pause, {"", "127.0.0.1:9900", "https://evil.example"}),
            Access::kForeignOrigin);
}

TEST(ListenAddress, KnowsLoopbackFromTheRest) {
  for (const char* text : {"127.0.0.1:0", "[::1]:9900", "localhost:1", "127.8.0.1:80"}) {
    const auto address = ListenAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_TRUE(address->loopback) << text;
  }
  for (const char* text : {"0.0.0.0:9900", ":9900", "*:9900", "[::]:1", "10.0.0.1:1"}) {
    const auto address = ListenAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_FALSE(address->loopback) << text;
  }
  for (const char* wrong : {"", "9900", "host.example:1", "127.0.0.1:x", "127.0.0.1:99999",
                            "unix:", "127.0.0.1:-1"}) {
    EXPECT_FALSE(ListenAddress::parse(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace shadowtap::api
