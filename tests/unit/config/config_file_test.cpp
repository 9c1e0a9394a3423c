#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/config/config.h"
#include "agent/config/node.h"

namespace shadowtap::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kDocumented = R"(
listen: 127.0.0.1:9900
data_dir: /var/lib/shadowtap
services:
  - name: orders
    ports: [8080]
    interfaces: auto
    targets:
      candidate: { url: "http://10.0.0.9:8080", timeout: 5s, concurrency: 64, host: original, headers: { set: { X-Env: shadow }, remove: [Cookie] } }
      secondary: { url: "http://10.0.0.8:8080" }
    select: { methods: [GET, HEAD, OPTIONS], sample: 100, sample_by: request, allow: ["^/api/"], deny: ["^/api/admin"] }
    routes: ["/users/:id;user", "/files/*;file"]
    compare:
      ignore: ["$.meta.generatedAt", "headers.x-request-id"]
      unordered: ["$.tags", { path: "$.items", key: "id" }]
      tolerance: [{ path: "$..price", absolute: 0.01 }]
    send: request
    order: connection
    expires: 24h
    trace: new
    guard: on
    alpha: 0.01
    min_compared: 200
    max_mismatch_ratio: 0.01
)";

std::string complaint(const std::string& text) {
  const Result<Config> config = parse_config(text, "f.yaml");
  return config ? "was taken" : config.error().message();
}

TEST(ConfigFile, TheDocumentedExampleIsRead) {
  const Result<Config> config = parse_config(kDocumented, "f.yaml");
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_EQ(config->services.size(), 1u);
  const ServiceConfig& orders = config->services[0];
  EXPECT_EQ(config->data_dir, "/var/lib/shadowtap");
  EXPECT_THAT(orders.ports, ElementsAre(8080));
  EXPECT_TRUE(orders.interfaces.empty());
  ASSERT_TRUE(orders.candidate);
  EXPECT_EQ(orders.candidate->url, "http://10.0.0.9:8080");
  EXPECT_EQ(orders.candidate->set_headers.at(0).value, "shadow");
  EXPECT_THAT(orders.candidate->remove_headers, ElementsAre("Cookie"));
  EXPECT_EQ(orders.secondary->role, shadow::Role::kSecondary);
  EXPECT_THAT(orders.select.deny, ElementsAre("^/api/admin"));
  EXPECT_THAT(orders.results.routes, ElementsAre("/users/:id;user", "/files/*;file"));
  ASSERT_EQ(orders.compare.unordered.size(), 2u);
  EXPECT_EQ(orders.compare.unordered[0].path, "$.tags");
  EXPECT_EQ(orders.compare.unordered[1].key, "id");
  EXPECT_EQ(orders.compare.tolerance.at(0).absolute, 0.01);
  EXPECT_EQ(orders.dispatch.expires, 24h);
  EXPECT_TRUE(orders.dispatch.guard);
}

TEST(ConfigFile, WhatIsPrintedReadsBackAsItself) {
  const Result<Config> first = parse_config(kDocumented, "f.yaml");
  ASSERT_TRUE(first);
  const std::string printed = print_config(*first);
  const Result<Config> second = parse_config(printed, "printed");
  ASSERT_TRUE(second) << second.error().message() << "\n" << printed;
  EXPECT_EQ(print_config(*second), printed);
  EXPECT_THAT(printed, HasSubstr("path: \"$.items\""));
}

// Every key once, with a value that is not its default; also the reference for users.
constexpr const char* kEverything = "deploy/examples/all-keys.yaml";

TEST(ConfigFile, EveryKeyIsReadPrintedAndReadAgain) {
  const Result<Config> first = load_config(kEverything);
  ASSERT_TRUE(first) << first.error().message();
  const std::string printed = print_config(*first);
  const Result<Config> second = parse_config(printed, "printed");
  ASSERT_TRUE(second) << second.error().message() << "\n" << printed;
  EXPECT_EQ(print_config(*second), printed);
  // Whatever is in the text is in what is printed: no key is read and then forgotten.
  for (const char* value :
       {"0.0.0.0:9901", "1MiB", "95223809", "eth1:host", "veth1:leaf", "/base", "^/v1/(.*)",
        "cookie:sid", "happens-before", "header:X-Cell", "it's \\\"odd\\\"", "mirror-2", "additive",
        "0.25", "12.5", "follow_redirects: 1", "resolve_interval: 3s", "./middleware --flag", "x-trace"}) {
    EXPECT_THAT(printed, HasSubstr(value));
  }
}

TEST(ConfigFile, SecretsAreNeverPrinted) {
  const std::string printed = print_config(load_config(kEverything).value());
  EXPECT_THAT(printed, testing::Not(HasSubstr("s3cret"))) << printed;
  EXPECT_THAT(printed, HasSubstr("Authorization: \"***\""));
  EXPECT_THAT(printed, HasSubstr("https://hooks.example/***"));
}

TEST(ConfigFile, MistakesHaveTheirPlaceAndTheNearestKey) {
  struct {
    const char* text;
    const char* sentence;
  } const mistakes[] = {
      {"lisen: a", "f.yaml:1:1: unknown key 'lisen' (did you mean 'listen'?)"},
      {"services:\n- name: a\n  prots: [1]", "f.yaml:3:3: unknown key 'prots' (did you mean 'ports'?)"},
      {"services:\n- name: a\n", "f.yaml:2:3: 'ports' is missing here"},
      {"listen: 127.0.0.1:1\nlisten: 127.0.0.1:2", "f.yaml:2:1: key 'listen' stands here again; first at 1:1"},
      {"a: &x [1]\nb: *x", "anchors"},
      {"a: !!int 3", "tags"},
      {"a: [1", "f.yaml:"},
      {"a: b: c", "f.yaml:1:"},
      {"- a", "f.yaml:1:1: must be a map"},
      {"listen:\n  x: 1", "f.yaml:2:3: listen: must be a single value"},
      {"listen:", "f.yaml:1:1: listen: needs a value"},
      {"services: {a: 1}", "f.yaml:1:11: services: must be a list"},
      {"services: [a]", "f.yaml:1:12: services: each item must be a map"},
      {"services:\n- {name: a, ports: [0]}", "f.yaml:2:21: ports: '0' is not a port"},
      {"services:\n- {name: a, ports: [1], ports: [2]}", "stands here again"},
      {"services:\n- {name: a, ports: [1], interfaces: all}", "must be auto or a list"},
      {"services:\n- {name: a, ports: [1]}\n- {name: b, ports: [1]}", "f.yaml:3:20: port 1 is given twice"},
      {"services:\n- {name: a, ports: [1]}\n- {name: a, ports: [2]}", "f.yaml:3:10: service 'a' is there already"},
      {"services:\n- {name: a, ports: [1], targets: {candidate: {timeout: 1s}}}", "'url' is missing"},
      {"services:\n- {name: a, ports: [1], targets: {candidate: {url: 'http://x', timeout: 5}}}",
       "timeout: '5' is not a duration"},
      {"services:\n- {name: a, ports: [1], targets: {secondary: {url: 'http://x'}}}", "without a candidate"},
      {"services:\n- {name: a, ports: [1], select: {allow: ['(']}}", "is not a regular expression"},
      {"services:\n- {name: a, ports: [1], select: {sample: 101}}", "percentage"},
      {"services:\n- {name: a, ports: [1], select: {sample_by: header}}", "header:NAME"},
      {"services:\n- {name: a, ports: [1], compare: {ignore: [{pth: x}]}}", "did you mean 'path'"},
      {"services:\n- {name: a, ports: [1], compare: {ignore: [{path: x, kind: valeu}]}}", "did you mean 'value'"},
      {"services:\n- {name: a, ports: [1], compare: {ignore: [{path: x, expires: soon}]}}", "is not a time"},
      {"services:\n- {name: a, ports: [1], order: conection}", "did you mean 'connection'"},
      {"services:\n- {name: a, ports: [1], alpha: 2}", "is not in"},
      {"capture: {ring: 100}", "power of two"},
      {"capture: {ring: 64KiB}", "f.yaml:1:17: ring: must be a power of two from 128KiB to 2GiB"},
      {"listen: host.name:9900", "f.yaml:1:9: listen: 'host.name:9900' is not an address to listen on"},
      {"services:\n- {name: a, ports: [1], routes: [x]}", "'x' is not 'pattern;name'"},
      {"services:\n- {name: a, ports: [1], targets: {candidate: {url: 'http://u@x'}}}", "has credentials in it"},
      {"capture: {mark: 0x4000}", "kube-proxy"},
      {"a: 1\n---\nb: 2", "only one document"},
      {"services:\n- {name: a, ports: [1], select: {headers: [{name: '', pattern: x}]}}", "must not be empty"},
      {"listen: 0.0.0.0:9900", "f.yaml:1:9: listen: 0.0.0.0:9900 is not loopback: give --api-token-file"},
      {"services:\n- {name: a, ports: [1], compare: {ignore: ['$.a[']}}", "f.yaml:2:44: ignore: at 5"},
      {"services:\n- {name: a, ports: [1], compare: {tolerance: [{path: $.a}]}}", "needs absolute"},
      {"services:\n- {name: a, ports: [1], targets: {candidate: {url: 'http://x', tls: {key_file: k}}}}",
       "go together"},
      {"services:\n- {name: a, ports: [1], aliases: [{}]}", "needs either"},
      {"services:\n- {name: a, ports: [1], targets: {candidate: {url: 'http://x', headers: {set: {'X Y': a}}}}}",
       "is not a header"},
  };
  for (const auto& mistake : mistakes) {
    EXPECT_THAT(complaint(mistake.text), HasSubstr(mistake.sentence)) << mistake.text;
  }
}

TEST(ConfigFile, OneAgentTapsAtMost64Services) {
  std::string text = "services:";
  for (int port = 1; port <= 64; ++port) {
    text += "\n- {name: s" + std::to_string(port) + ", ports: [" + std::to_string(port) + "]}";
  }
  EXPECT_TRUE(parse_config(text, "f.yaml"));
  EXPECT_THAT(complaint(text + "\n- {name: s65, ports: [65]}"), HasSubstr("f.yaml:66:3: services: "));
}

TEST(ConfigFile, AUnixSocketNeedsNoTokenWhateverListenSays) {
  EXPECT_TRUE(parse_config("listen: 0.0.0.0:1\napi: {unix_socket: /run/s}", "f.yaml"));
}

TEST(ConfigFile, OneRunNamesEveryMistake) {
  const std::string all = complaint("lisen: a\nservices:\n- {name: a, ports: [x], oder: none}");
  EXPECT_THAT(all, HasSubstr("'lisen'"));
  EXPECT_THAT(all, HasSubstr("'x' is not a port"));
  EXPECT_THAT(all, HasSubstr("'oder'"));
}

TEST(ConfigFile, NothingAtAllIsAnEmptyConfiguration) {
  EXPECT_TRUE(parse_config("", "f"));
  EXPECT_TRUE(parse_config("# nothing\n", "f"));
  EXPECT_TRUE(parse_config("services:\n", "f"));
}

TEST(ConfigFile, DepthSizeAndCountAreBounded) {
  EXPECT_THAT(complaint("a: " + std::string(5000, '[')), HasSubstr("f.yaml:1:"));
  std::string many = "services: [";
  for (int i = 0; i < 300'000; ++i) many += "1,";
  EXPECT_THAT(complaint(many + "1]"), HasSubstr("too many values"));
  EXPECT_THAT(complaint(std::string(5 << 20, ' ')), HasSubstr("too large"));
  EXPECT_THAT(complaint(std::string(300, 'k') + ": 1"), HasSubstr("too long a key"));
}

}  // namespace
}  // namespace shadowtap::config
