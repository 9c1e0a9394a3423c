// What the configuration's checks take, the areas that get it take too, and the other way
// round: what cannot run is a configuration error, found before anything is attached.
#include <gtest/gtest.h>

#include "agent/api/listen_address.h"
#include "agent/config/checks.h"
#include "agent/config/config.h"
#include "agent/shadow/dispatcher.h"

namespace shadowtap {
namespace {

TEST(Agreement, TheListenerTakesWhatTheCheckTakes) {
  const std::string longest(106, 'x');
  for (const std::string& address :
       {std::string("127.0.0.1:9900"), std::string("127.0.0.1:0"), std::string("[::1]:9900"),
        std::string("::1:9900"), std::string("[2001:db8::1]:9901"), std::string("2001:db8::1:9901"),
        std::string("[::ffff:127.0.0.1]:1"), std::string("[::]:1"), std::string("[]:1"),
        std::string(":9900"), std::string("*:9900"), std::string("localhost:9900"),
        std::string("unix:/run/a.sock"), "unix:/" + longest, "unix:/" + longest + "x",
        std::string("host.name:9900"), std::string("localhost.:1"), std::string("9900"),
        std::string("127.0.0.1"), std::string("127.1:9900"), std::string("127.0.0.1:65536"),
        std::string("127.0.0.1:"), std::string("127.0.0.1:+1"), std::string("[::1:9900"),
        std::string("fe80::1%lo:9900"), std::string("")}) {
    const auto listener = api::ListenAddress::parse(address);
    EXPECT_EQ(listener.has_value(), config::check_listen(address).empty()) << address;
    if (!listener) continue;
    EXPECT_EQ(listener->loopback || !listener->unix_path.empty(), config::is_loopback(address)) << address;
  }
}

std::string complaint_about(const std::string& target) {
  const auto config = config::parse_config(
      "services: [{name: a, ports: [1], targets: {candidate: {" + target + "}}}]", "f.yaml");
  return config ? "" : config.error().message();
}

shadow::TargetOptions target_at(const std::string& url) {
  shadow::TargetOptions target;
  target.name = "candidate";
  target.url = url;
  return target;
}

TEST(Agreement, ATargetsUrlIsJudgedAlike) {
  const std::string path(106, 'x');
  for (const std::string& url :
       {std::string("http://h"), std::string("http://h:8443/base/"), std::string("http://[::1]:80"),
        std::string("http://[::1]"), std::string("unix:/run/a.sock"), std::string("unix:/run/a.sock:/base"),
        "unix:/" + path, "unix:/" + path + ":/base", "unix:/" + path + "x", std::string("http://h/a@b"),
        std::string("http://u@h"), std::string("http://u:p@h"), std::string("http://"),
        std::string("http://h:0"), std::string("http://h:65536"), std::string("http://h:"),
        std::string("http://[::1"), std::string("http://[::1]x:80"), std::string("http://h?q"),
        std::string("http://h#f"), std::string("h:80"), std::string("ftp://h"), std::string("unix:a")}) {
    EXPECT_EQ(shadow::validate(target_at(url)).has_value(), complaint_about("url: '" + url + "'").empty())
        << url << " " << complaint_about("url: '" + url + "'");
  }
}

TEST(Agreement, ATargetsHeadersQueryAndRewritesAreJudgedAlike) {
  struct Case {
    const char* keys;
    void (*set)(shadow::TargetOptions&);
  };
  using Target = shadow::TargetOptions;
  for (const Case& one : {
           Case{"headers: {set: {X-A: b}}", [](Target& t) { t.set_headers = {{"X-A", "b"}}; }},
           Case{"headers: {set: {content-length: '1'}}", [](Target& t) { t.set_headers = {{"content-length", "1"}}; }},
           Case{"headers: {set: {X-Shadowtap: a}}", [](Target& t) { t.set_headers = {{"X-Shadowtap", "a"}}; }},
           Case{"headers: {set: {X-A: \"b\\nc\"}}", [](Target& t) { t.set_headers = {{"X-A", "b\nc"}}; }},
           Case{"query: {set: {a: b}}", [](Target& t) { t.set_query = {{"a", "b"}}; }},
           Case{"query: {set: {a: 'b c'}}", [](Target& t) { t.set_query = {{"a", "b c"}}; }},
           Case{"query: {set: {'': b}}", [](Target& t) { t.set_query = {{"", "b"}}; }},
           Case{"rewrite: [{pattern: '^/(a)', replacement: '/\\1'}]", [](Target& t) { t.rewrite = {{"^/(a)", "/\\1"}}; }},
           Case{"rewrite: [{pattern: '^/a', replacement: '/\\1'}]", [](Target& t) { t.rewrite = {{"^/a", "/\\1"}}; }},
           Case{"rewrite: [{pattern: a, replacement: 'b c'}]", [](Target& t) { t.rewrite = {{"a", "b c"}}; }},
       }) {
    Target target = target_at("http://h");
    one.set(target);
    const std::string wrong = complaint_about(std::string("url: 'http://h', ") + one.keys);
    EXPECT_EQ(shadow::validate(target).has_value(), wrong.empty()) << one.keys << " " << wrong;
  }
}

}  // namespace
}  // namespace shadowtap
