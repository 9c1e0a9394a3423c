#include "agent/narration.h"

#include <gtest/gtest.h>

namespace shadowtap {
namespace {

config::ServiceConfig orders() {
  config::ServiceConfig service;
  service.name = "orders";
  service.ports = {8080};
  return service;
}

TEST(Narration, SaysThatNothingIsSentWithoutATarget) {
  EXPECT_EQ(what_is_sent(orders(), {}),
            "orders: port 8080; no target: observes only, nothing leaves this host");
}

TEST(Narration, SaysMethodsShareTargetsAndCredentials) {
  config::ServiceConfig service = orders();
  service.candidate.emplace();
  service.candidate->url = "http://10.0.0.9:8080";
  service.candidate->remove_headers = {"cookie"};
  service.select.sample = 25;
  EXPECT_EQ(what_is_sent(service, {.rate = 100, .max_in_flight = 0}),
            "orders: port 8080; sends GET HEAD OPTIONS, 25 % of requests, 100/s over all targets, "
            "to candidate http://10.0.0.9:8080; forwards Authorization, Proxy-Authorization as "
            "captured");
}

TEST(Narration, NamesTheFirstFewInterfaces) {
  EXPECT_EQ(what_is_watched({"eth0", "lo"}, true), "watching eth0, lo, and what comes later");
  EXPECT_EQ(what_is_watched({"tun0"}, false), "watching tun0");
  EXPECT_EQ(what_is_watched(std::vector<std::string>(10, "v"), false),
            "watching v, v, v, v, v, v, v, v and 2 more");
}

}  // namespace
}  // namespace shadowtap
