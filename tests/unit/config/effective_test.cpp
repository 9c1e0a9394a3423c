#include "agent/config/effective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shadowtap::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

Config parsed(const std::string& text) { return parse_config(text, "f.yaml").value(); }

std::string refusal(const Config& config, const RunCommand& command) {
  const Result<Config> result = apply_flags(config, command);
  return result ? "was taken" : result.error().message();
}

TEST(Effective, FlagsAloneMakeAService) {
  RunCommand flags;
  flags.ports = {8080};
  flags.candidate = "http://10.0.0.9:8080";
  flags.mirrors = {"http://a:1", "http://b:1"};
  flags.set_headers = {"X-Env:  shadow"};
  flags.timeout = 2s;
  const Result<Config> config = apply_flags({}, flags);
  ASSERT_TRUE(config) << config.error().message();
  const ServiceConfig& service = config->services.at(0);
  EXPECT_EQ(service.name, "default");
  EXPECT_EQ(service.targets().size(), 3u);
  EXPECT_EQ(service.mirrors[1].name, "mirror-2");
  EXPECT_EQ(service.candidate->set_headers.at(0).value, "shadow");
  EXPECT_EQ(service.mirrors[0].timeout, 2s);
}

TEST(Effective, FlagsGoOverTheFileAndLeaveTheRest) {
  const Config base = parsed(
      "listen: 127.0.0.1:1\nservices:\n- {name: a, ports: [80], select: {sample: 5, allow: [x]},"
      " targets: {candidate: {url: 'http://c', concurrency: 3}}}");
  RunCommand flags;
  flags.candidate = "http://d";
  flags.sample = 50;
  flags.listen = "127.0.0.1:2";
  const Config config = apply_flags(base, flags).value();
  EXPECT_EQ(config.api.listen, "127.0.0.1:2");
  EXPECT_EQ(config.services[0].candidate->url, "http://d");
  EXPECT_EQ(config.services[0].candidate->concurrency, 3u);
  EXPECT_EQ(config.services[0].select.sample, 50);
  EXPECT_THAT(config.services[0].select.allow, ElementsAre("x"));
  EXPECT_THAT(config.services[0].ports, ElementsAre(80));
}

TEST(Effective, ServiceFlagChoosesAmongSeveral) {
  const Config base = parsed("services:\n- {name: a, ports: [80]}\n- {name: b, ports: [81]}");
  RunCommand flags;
  flags.sample = 1;
  EXPECT_THAT(refusal(base, flags), HasSubstr("--service: say which"));
  flags.service = "c";
  EXPECT_THAT(refusal(base, flags), HasSubstr("no service 'c' in the file; there are a b"));
  flags.service = "b";
  const Config config = apply_flags(base, flags).value();
  EXPECT_EQ(config.services[0].select.sample, 100);
  EXPECT_EQ(config.services[1].select.sample, 1);
}

TEST(Effective, WhatCannotBeRunIsRefused) {
  EXPECT_THAT(refusal({}, {}), HasSubstr("--port: needs the port"));
  RunCommand flags;
  flags.ports = {80};
  flags.allow = {"("};
  EXPECT_THAT(refusal({}, flags), HasSubstr("--allow: '(' is not a regular expression"));
  flags.allow = {};
  flags.secondary = "http://x";
  EXPECT_THAT(refusal({}, flags), HasSubstr("secondary without a candidate"));
  flags.secondary = "";
  flags.pid = 1;
  flags.netns = "x";
  EXPECT_THAT(refusal({}, flags), HasSubstr("exclude each other"));
}

TEST(Effective, ANamespaceIsGivenByNamePathOrProcess) {
  EXPECT_EQ(namespace_of("", std::nullopt), "");
  EXPECT_EQ(namespace_of("blue", std::nullopt), "blue");
  EXPECT_EQ(namespace_of("", 12), "/proc/12/ns/net");
  RunCommand flags;
  flags.ports = {80};
  flags.pid = 12;
  EXPECT_EQ(apply_flags({}, flags).value().capture.netns, "/proc/12/ns/net");
}

TEST(Effective, BothFormsOfLoopbackNeedNoToken) {
  RunCommand flags;
  flags.ports = {80};
  for (const char* listen : {"[::1]:1", "::1:1", "127.0.0.9:1", "localhost:1", "unix:/run/a.sock"}) {
    flags.listen = listen;
    EXPECT_EQ(refusal({}, flags), "was taken") << listen;
  }
  for (const char* listen : {"[::]:1", ":1", "*:1", "[2001:db8::1]:1", "2001:db8::1:1",
                             "[::ffff:127.0.0.1]:1"}) {
    flags.listen = listen;
    EXPECT_THAT(refusal({}, flags), HasSubstr("is not loopback")) << listen;
  }
}

TEST(Effective, OnlyATappedServiceMayNotBeItsOwnTarget) {
  RunCommand flags;
  flags.ports = {1};  // nobody listens there
  flags.candidate = "http://127.0.0.1:1";
  EXPECT_FALSE(read_effective(flags));
  flags.from_file = true;
  EXPECT_TRUE(read_effective(flags));
}

TEST(Effective, AreasGetTheirParts) {
  const Config config = parsed(
      "data_dir: /d\nservices:\n- {name: a, ports: [80], interfaces: [eth0, 'veth1:leaf'],"
      " release: v2, targets: {candidate: {url: 'http://c'}}}");
  const capture::TapOptions tap = tap_options(config);
  ASSERT_EQ(tap.interfaces.size(), 2u);
  EXPECT_EQ(tap.interfaces[1].kind, capture::InterfaceChoice::Kind::kLeaf);
  EXPECT_EQ(tap.services.at(0).name, "a");
  EXPECT_EQ(tap.mark, config.capture.mark);
  RunCommand flags;
  flags.netns = "blue";
  EXPECT_EQ(tap_options(apply_flags(config, flags).value()).netns, "/run/netns/blue");
  const results::ResultsOptions results = results_options(config);
  EXPECT_EQ(results.store.data_dir, "/d");
  EXPECT_EQ(results.services.at(0).epoch, "http://c v2");
}

TEST(Effective, WhatIsSaidOfAnInterfaceHoldsBesideAServiceThatWatchesAll) {
  const capture::TapOptions tap = tap_options(parsed(
      "services:\n- {name: a, ports: [80], interfaces: ['tun0:leaf']}\n- {name: b, ports: [81]}"));
  EXPECT_TRUE(tap.interfaces.empty());
  ASSERT_EQ(tap.kinds.size(), 1u);
  EXPECT_EQ(tap.kinds[0].kind, capture::InterfaceChoice::Kind::kLeaf);
}

}  // namespace
}  // namespace shadowtap::config
