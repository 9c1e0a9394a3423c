// The one choke point over every combination of file, flags and run-time rules, for live
// traffic, re-sends, what a middleware gives back and redirects: what has side effects goes
// out only if something that was written down names it. The oracle knows of each request
// what it may amount to, and nothing of how the filter finds that out.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <set>

#include "agent/config/effective.h"
#include "agent/config/node.h"
#include "agent/config/sections.h"
#include "agent/shadow/filter.h"
#include "tests/e2e/shadow_fixture.h"

namespace shadowtap::shadow::test {
namespace {

using Words = std::vector<std::string>;

struct Hostile {
  std::string method;
  std::string target;
  Words amounts_to;  // every method that some server may take it for
  Words leads_to;    // every path beside the one that stands there
  Words words;       // of the built-in list
  std::pair<std::string, std::string> header{"", ""};
  std::string body = "";
};

const std::string kForm = "application/x-www-form-urlencoded";

const std::vector<Hostile>& hostile() {
  static const std::vector<Hostile> all{
      {"GET", "/api/a", {}, {}, {}},
      {"HEAD", "/search", {}, {}, {}},
      {"POST", "/search", {}, {}, {}},
      {"PUT", "/api/a", {}, {}, {}},
      {"DELETE", "/api/a", {}, {}, {}},
      {"get", "/api/a", {}, {}, {}},
      {"BREW", "/api/a", {}, {}, {}},
      {"CONNECT", "shop:443", {}, {}, {}},
      {"GET", "/logout", {}, {}, {"logout"}},
      {"GET", "/api/logout", {}, {}, {"logout"}},
      {"GET", "/api/log%256Fut", {}, {"/api/logout"}, {"logout"}},
      {"GET", "/api/verify/logout", {}, {}, {"verify", "logout"}},
      {"GET", "/api/a?next=/logout", {}, {}, {"logout"}},
      {"GET", "http://shop/logout", {}, {"/logout"}, {"logout"}},
      {"GET", "/admin/x", {}, {}, {}},
      {"GET", "/%61dmin/x", {}, {"/admin/x"}, {}},
      {"GET", "//admin/x", {}, {"/admin/x"}, {}},
      {"GET", "/api/../admin/x", {}, {"/admin/x"}, {}},
      {"GET", "/api/%2e%2e/admin/x", {}, {"/admin/x"}, {}},
      {"GET", "/api/..;a/admin/x", {}, {"/admin/x"}, {}},
      {"GET", "/api\\..\\admin", {}, {"/admin"}, {}},
      {"POST", "/search/../orders", {}, {"/orders"}, {}},
      {"GET", "/api/a", {"DELETE"}, {}, {}, {"X-HTTP-Method-Override", "delete"}},
      {"GET", "/api/a", {"PUT"}, {}, {}, {"x_http_method", "PUT"}},
      {"POST", "/search", {"GET", "DELETE"}, {}, {}, {"X-Method-Override", "get, delete"}},
      {"POST", "/search?_method=put", {"PUT"}, {}, {}},
      {"POST", "/search", {"DELETE"}, {}, {}, {"Content-Type", kForm}, "a=b&_method=DELETE"},
      {"GET", "/api/a", {}, {"/logout"}, {"logout"}, {"X-Original-URL", "/logout"}},
      {"GET", "/api/a", {}, {"/unsubscribe"}, {"unsubscribe"}, {"X-Rewrite-URL", "/un%73ubscribe"}},
      {"GET", "/api/a", {}, {"/admin/purge"}, {}, {"X-Rewrite-URL", "/admin/purge"}},
      {"POST", "/search", {}, {"/orders/7/cancel"}, {}, {"X-Original-URL", "/orders/7/cancel"}},
  };
  return all;
}

// What was written down, in the oracle's words.
struct Written {
  Words methods{"GET", "HEAD", "OPTIONS"};
  bool every_method = false;
  bool post_search = false;     // a side-effect rule: POST of ^/search
  bool put_everywhere = false;  // and one: PUT, any path
  Words allow;                  // "^/api/", "^/", "^/logout$"
  bool deny_admin = false;
};

bool contains(const Words& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

Words paths_of(const Hostile& h) {
  Words paths = h.leads_to;
  if (h.target.starts_with('/')) paths.push_back(h.target.substr(0, h.target.find('?')));
  return paths;
}

bool method_named(const Written& w, const Hostile& h, const std::string& method) {
  if (method == "CONNECT") return false;
  if (w.every_method || contains(w.methods, method)) return true;
  if (w.put_everywhere && method == "PUT") return true;
  const Words paths = paths_of(h);
  return w.post_search && method == "POST" &&
         std::all_of(paths.begin(), paths.end(),
                     [](const std::string& path) { return path.starts_with("/search"); });
}

bool word_named(const Written& w, const Hostile& h, const std::string& word) {
  return word == "logout" && contains(w.allow, "^/logout$") &&
         (h.target == "/logout" || h.target == "http://shop/logout" ||
          h.header.second == "/logout");
}

bool must_not_go(const Written& w, const Hostile& h) {
  Words methods = h.amounts_to;
  methods.push_back(h.method);
  for (const std::string& method : methods) {
    if (!method_named(w, h, method)) return true;
  }
  for (const std::string& word : h.words) {
    if (!word_named(w, h, word)) return true;
  }
  for (const std::string& path : paths_of(h)) {
    if (w.deny_admin && path.starts_with("/admin")) return true;
    const bool allowed = w.allow.empty() ||
                         (contains(w.allow, "^/api/") && path.starts_with("/api/")) ||
                         (contains(w.allow, "^/") && path.starts_with("/")) ||
                         (contains(w.allow, "^/logout$") && path == "/logout");
    const bool decoded = h.target.find("%61") != std::string::npos ||
                         h.target.find("%25") != std::string::npos;
    if (!allowed && !decoded) return true;  // an allow list may be met as it stands there
  }
  return false;
}

http::Exchange exchange_of(const Hostile& h) {
  http::Exchange exchange = test::exchange_of(h.method, h.target);
  if (!h.header.first.empty()) exchange.request.headers.append(h.header.first, h.header.second);
  exchange.request.body = {h.body, h.body.size(), {}};
  return exchange;
}

std::string quoted(const Words& words) {
  std::string out = "[";
  for (const std::string& word : words) {
    if (out.size() > 1) out += ", ";
    out += '"' + word + '"';
  }
  return out + "]";
}

std::string select_json(const Written& w) {
  std::string out = R"({"methods": )" + quoted(w.methods) + R"(, "allow": )" + quoted(w.allow) +
                    R"(, "deny": )" + (w.deny_admin ? R"(["^/admin"])" : "[]") +
                    R"(, "side_effects": [)";
  if (w.post_search) out += R"({"methods": ["POST"], "path": "^/search"})";
  if (w.post_search && w.put_everywhere) out += ", ";
  if (w.put_everywhere) out += R"({"methods": ["PUT"]})";
  return out + R"(], "allow_side_effects": )" + (w.every_method ? "true}" : "false}");
}

struct Combination {
  SelectOptions select;  // as the agent's own readers made it
  Written written;
};

void apply_flags(std::size_t which, config::RunCommand& flags, Written& w) {
  if (which == 1) flags.methods = w.methods = {"GET", "DELETE"};
  if (which == 2) flags.allow_side_effects = w.every_method = true;
  if (which == 3) {
    flags.deny = {"^/admin"};
    w.deny_admin = true;
  }
}

// File, then flags over it, then what REST put in their place.
std::vector<Combination> combinations() {
  std::vector<Combination> all;
  const std::vector<Words> methods{{"GET", "HEAD", "OPTIONS"}, {"GET", "POST"}, {"HEAD"}};
  const std::vector<Words> allows{{}, {"^/api/"}, {"^/", "^/logout$"}};
  for (std::size_t i = 0; i < 3u * 4 * 3 * 2 * 4 * 3; ++i) {
    std::size_t rest = i;
    const auto digit = [&rest](std::size_t base) {
      const std::size_t value = rest % base;
      rest /= base;
      return value;
    };
    Written w;
    w.methods = methods[digit(3)];
    const std::size_t rules = digit(4);
    w.post_search = (rules & 1) != 0;
    w.put_everywhere = (rules & 2) != 0;
    w.allow = allows[digit(3)];
    w.deny_admin = digit(2) != 0;
    const auto read = config::parse_config(
        "services: [{name: s, ports: [80], targets: {candidate: {url: 'http://10.0.0.9'}}, select: " +
            select_json(w) + "}]\n",
        "f.yaml");
    EXPECT_TRUE(read) << read.error().message();
    config::RunCommand flags;
    apply_flags(digit(4), flags, w);
    auto effective = config::apply_flags(*read, flags);
    EXPECT_TRUE(effective) << effective.error().message();
    config::ServiceConfig& service = effective->services[0];
    if (const std::size_t runtime = digit(3); runtime > 0) {
      w = Written();
      w.deny_admin = runtime == 1;
      w.post_search = runtime == 2;
      const auto tree = config::read_yaml(select_json(w), "body");
      EXPECT_EQ(config::write_section(service, "select", *tree), "");
    }
    all.push_back({service.select, w});
  }
  return all;
}

bool sends(const Decision& decision) { return std::holds_alternative<Send>(decision); }

TEST(ChokePoint, NoCombinationLetsAnythingThroughThatNothingNames) {
  std::size_t sent = 0;
  std::size_t kept = 0;
  for (const Combination& combination : combinations()) {
    auto filter = Filter::create(combination.select);
    ASSERT_TRUE(filter);
    for (const Hostile& h : hostile()) {
      const http::Exchange exchange = exchange_of(h);
      const bool live = sends(filter->decide(exchange, 100, Time{}));
      EXPECT_EQ(live, sends(filter->decide_resend(exchange.request))) << h.method << h.target;
      EXPECT_EQ(live, sends(filter->decide_changed(exchange.request))) << h.method << h.target;
      EXPECT_EQ(live, filter->may_follow(exchange.request)) << h.method << h.target;
      EXPECT_TRUE(!live || filter->may_become(h.target)) << h.target;
      const bool forbidden = must_not_go(combination.written, h);
      EXPECT_FALSE(live && forbidden)
          << h.method << " " << h.target << " " << h.header.first << " with "
          << select_json(combination.written);
      sent += live;
      kept += forbidden;
    }
  }
  EXPECT_GT(sent, 2000u);  // the test does test something
  EXPECT_GT(kept, 10000u);
}

// The same at the socket: what a target really got, over one dispatcher whose rules change
// under it. The target redirects everybody to where they log out.
TEST(ChokePoint, WhatATargetReallyGotWasNamed) {
  std::mutex mutex;
  std::set<std::string> got;  // ids
  Written now;
  int logged_out = 0;
  Imposter server([&](int descriptor, int) {
    for (std::string r = read_request(descriptor); !r.empty(); r = read_request(descriptor)) {
      {
        const std::lock_guard lock(mutex);
        got.insert(header_of(r, "x-shadowtap"));
        const std::string method = r.substr(0, r.find(' '));
        const bool out = r.starts_with(method + " /logout ");
        logged_out += out && must_not_go(now, {method, "/logout", {}, {}, {"logout"}});
      }
      write_all(descriptor, "HTTP/1.1 302 Found\r\nLocation: /logout\r\nContent-Length: 0\r\n\r\n");
    }
  });
  Bench bench;
  bench.dispatch.order = Order::kNone;
  bench.add(Role::kCandidate, server.url()).follow_redirects = 3;
  bench.start();
  std::vector<Combination> all = combinations();
  std::size_t accepted = 0;
  std::set<std::string> named;
  std::deque<http::Exchange> exchanges;
  for (std::size_t i = 0; i < all.size(); i += 23) {
    ASSERT_TRUE(bench.dispatcher->apply(all[i].select));
    {
      const std::lock_guard lock(mutex);
      now = all[i].written;
    }
    for (const Hostile& h : hostile()) {
      for (const bool again : {false, true}) {
        http::Exchange& exchange = exchanges.emplace_back(exchange_of(h));
        const Submitted submitted =
            again ? bench.dispatcher->resend(exchange) : bench.dispatcher->submit(exchange);
        accepted += submitted.answers();
        if (!must_not_go(all[i].written, h)) named.insert(fmt::format("{:x}", exchange.id));
      }
    }
    ASSERT_TRUE(bench.run_until_answers(accepted));
  }
  const std::lock_guard lock(mutex);
  EXPECT_GT(got.size(), 100u);
  EXPECT_EQ(logged_out, 0);
  EXPECT_TRUE(std::includes(named.begin(), named.end(), got.begin(), got.end()));
}

}  // namespace
}  // namespace shadowtap::shadow::test
