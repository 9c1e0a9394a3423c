#include "agent/shadow/filter.h"

#include <gtest/gtest.h>

namespace shadowtap::shadow {
namespace {

using http::Skipped;

http::Exchange exchange_of(std::string method, std::string target, std::uint64_t id = 1,
                           std::uint64_t connection = 1) {
  http::Exchange exchange;
  exchange.id = id;
  exchange.connection = connection;
  exchange.request.method = std::move(method);
  exchange.request.target = std::move(target);
  return exchange;
}

Filter filter_of(const SelectOptions& options) {
  auto made = Filter::create(options);
  EXPECT_TRUE(made);
  return std::move(*made);
}

std::string name_of(const Decision& decision) {
  if (const auto* skipped = std::get_if<Skipped>(&decision)) return to_string(*skipped);
  if (const auto* refused = std::get_if<http::Refused>(&decision)) return to_string(*refused);
  return "send";
}

std::string decide(const SelectOptions& options, const http::Exchange& exchange) {
  return name_of(filter_of(options).decide(exchange, options.sample, Time{}));
}

TEST(Filter, DecidesByMethodAndPath) {
  struct Case {
    const char* method;
    const char* target;
    const char* expected;
  };
  const Case cases[] = {
      {"GET", "/users/1", "send"},
      {"HEAD", "/", "send"},
      {"OPTIONS", "*", "send"},
      {"POST", "/users", "method"},
      {"get", "/users", "method"},  // a method of its own, RFC 9110 section 9.1
      {"CONNECT", "example.com:443", "method"},
      {"GET", "/logout", "path"},
      {"GET", "/account/LogOut?next=/", "path"},
      {"GET", "/log%6fut", "path"},
      {"GET", "/?action=logout", "path"},
      {"GET", "/sign-out", "path"},
      {"GET", "http://shop.example/unsubscribe", "path"},
      {"GET", "/mail/confirm/8f3a", "path"},
      {"GET", "/blog/out", "send"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(decide({}, exchange_of(c.method, c.target)), c.expected) << c.method << c.target;
  }
}

TEST(Filter, AllowDoesNotLiftTheBuiltInListUnlessItNamesTheWord) {
  SelectOptions options;
  options.allow = {"^/api/"};
  EXPECT_EQ(decide(options, exchange_of("GET", "/api/logout")), "path");
  EXPECT_EQ(decide(options, exchange_of("GET", "/other")), "path");
  options.allow = {"^/api/", "^/api/logout$"};
  EXPECT_EQ(decide(options, exchange_of("GET", "/api/logout")), "send");
  EXPECT_EQ(decide(options, exchange_of("GET", "/api/verify")), "path");
  options.deny = {"logout"};
  EXPECT_EQ(decide(options, exchange_of("GET", "/api/logout")), "path");
}

TEST(Filter, DenyLooksAtTheDecodedPathToo) {
  SelectOptions options;
  options.deny = {"^/api/admin"};
  EXPECT_EQ(decide(options, exchange_of("GET", "/api/%61dmin/users")), "path");
  EXPECT_EQ(decide(options, exchange_of("GET", "/api/users?from=/api/admin")), "send");
}

TEST(Filter, APathIsAllThatAServerMayTakeItFor) {
  SelectOptions options;
  options.deny = {"^/admin"};
  for (const char* target :
       {"/admin/x", "/%61dmin", "/%2561dmin", "//admin", "/./admin", "/a/../admin", "/a/%2e%2e/admin",
        "/a/..%2fadmin", "/a\\..\\admin", "/a/..;v=1/admin", "/../admin", "http://h/admin",
        "http://h//admin", "/admin;v=1", "/admin#x"}) {
    EXPECT_EQ(decide(options, exchange_of("GET", target)), "path") << target;
  }
  for (const char* target : {"/a/admin", "/a?b=/admin", "/a/./b", "/a//b", "/a;b=c"}) {
    EXPECT_EQ(decide(options, exchange_of("GET", target)), "send") << target;
  }
  options = {};
  options.allow = {"^/api/"};
  options.side_effects = {{{"POST"}, "^/api/search"}};
  EXPECT_EQ(decide(options, exchange_of("GET", "/api/../private")), "path");
  EXPECT_EQ(decide(options, exchange_of("GET", "/api//caf%C3%A9/.")), "send");
  EXPECT_EQ(decide(options, exchange_of("POST", "/api/search/../orders")), "method");
  EXPECT_EQ(decide(options, exchange_of("POST", "/api/search/./all")), "send");
}

TEST(Filter, BytesThatAreNoTextDoNotHideAPath) {
  SelectOptions options;
  options.deny = {"^/.*/admin"};
  EXPECT_EQ(decide(options, exchange_of("GET", "/\xff/admin")), "path");
  EXPECT_EQ(decide(options, exchange_of("GET", "/%ff%0a/admin")), "path");
}

TEST(Filter, EachWordOfTheBuiltInListNeedsARuleThatNamesIt) {
  SelectOptions options;
  options.allow = {"^/verify/"};
  EXPECT_EQ(decide(options, exchange_of("GET", "/verify/mail")), "send");
  EXPECT_EQ(decide(options, exchange_of("GET", "/verify/logout")), "path");
  options.allow.push_back("^/verify/logout$");
  EXPECT_EQ(decide(options, exchange_of("GET", "/verify/logout")), "send");
}

TEST(Filter, AnotherUrlInAHeaderCountsToo) {
  for (const char* name : {"X-Original-URL", "x-rewrite-url", "X_Rewrite_Url"}) {
    http::Exchange exchange = exchange_of("GET", "/");
    exchange.request.headers.append(name, "/logout");
    EXPECT_EQ(decide({}, exchange), "path") << name;
  }
}

TEST(Filter, AnotherUrlInAHeaderMustBeAllowedAsWell) {
  SelectOptions options;
  options.side_effects = {{{"POST"}, "^/search$"}};
  http::Exchange exchange = exchange_of("POST", "/search");
  EXPECT_EQ(decide(options, exchange), "send");
  exchange.request.headers.append("X-Original-URL", "/orders/7/cancel");
  EXPECT_EQ(decide(options, exchange), "method");
  options = {};
  options.allow = {"^/api/"};
  exchange = exchange_of("GET", "/api/a");
  exchange.request.headers.append("X-Rewrite-URL", "/admin/purge");
  EXPECT_EQ(decide(options, exchange), "path");
}

TEST(Filter, EveryWayToNameAnotherMethodCounts) {
  struct Case {
    const char* target;
    const char* header;
    const char* value;
    const char* body;
    const char* expected;
  };
  const Case cases[] = {
      {"/", "X-HTTP-Method-Override", "DELETE", "", "method"},
      {"/", "x_http_method_override", "delete", "", "method"},
      {"/", "X-Method-Override", " PUT ", "", "method"},
      {"/", "X-HTTP-Method", "POST, DELETE", "", "method"},
      {"/", "X-HTTP-Method", "post", "", "send"},
      {"/?a=b&_method=DELETE", "A", "b", "", "method"},
      {"/?%5fmethod=d%45lete", "A", "b", "", "method"},
      {"/?_method=POST", "A", "b", "", "send"},
      {"/?method=DELETE", "A", "b", "", "send"},
      {"/", "Content-Type", "application/x-www-form-urlencoded", "a=b&_method=delete", "method"},
      {"/", "Content-Type", "application/x-www-form-urlencoded", "a=b", "send"},
      {"/", "Content-Type", "text/plain", "_method=delete", "send"},
      {"/", "Content-Type", "multipart/form-data; boundary=x",
       "--x\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--x--\r\n", "method"},
  };
  SelectOptions options;
  options.methods = {"POST"};
  for (const Case& c : cases) {
    http::Exchange exchange = exchange_of("POST", c.target);
    exchange.request.headers.append("X-HTTP-Method", "POST");  // the first line is not the last
    exchange.request.headers.append(c.header, c.value);
    exchange.request.body = {c.body, std::string_view(c.body).size(), {}};
    EXPECT_EQ(decide(options, exchange), c.expected) << c.target << c.header << c.value << c.body;
  }
}

TEST(Filter, AHostConditionSeesTheAbsoluteFormAndEveryLine) {
  SelectOptions options;
  options.headers = {{"Host", "^shop$", false}};
  http::Exchange exchange = exchange_of("GET", "http://internal/");
  exchange.request.headers.append("Host", "shop");
  EXPECT_EQ(decide(options, exchange), "path");
  exchange.request.target = "http://shop/";
  EXPECT_EQ(decide(options, exchange), "send");
  exchange.request.headers.append("Host", "internal");
  EXPECT_EQ(decide(options, exchange), "path");
}

TEST(Filter, ConditionsHoldForAResendToo) {
  SelectOptions options;
  options.headers = {{"X-Tenant", "^a$", false}, {"X-Payment", "", true}};
  http::Exchange exchange = exchange_of("GET", "/");
  exchange.request.headers.append("X-Tenant", "a");
  EXPECT_EQ(name_of(filter_of(options).decide_resend(exchange.request)), "send");
  exchange.request.headers.append("X-Payment", "1");
  EXPECT_EQ(name_of(filter_of(options).decide_resend(exchange.request)), "path");
  EXPECT_EQ(name_of(filter_of(options).decide_changed(exchange.request)), "path");
  exchange = exchange_of("GET", "/");  // a middleware took the tenant out: that is its right
  EXPECT_EQ(name_of(filter_of(options).decide_changed(exchange.request)), "send");
}

TEST(Filter, AMethodOverrideCountsAsThatMethod) {
  http::Exchange exchange = exchange_of("GET", "/users/1");
  exchange.request.headers.append("x-http-method-override", "delete");
  EXPECT_EQ(decide({}, exchange), "method");
}

TEST(Filter, NeverSendsWhatIsAlreadyAShadow) {
  http::Exchange exchange = exchange_of("GET", "/");
  exchange.request.headers.append("x-SHADOWTAP", "1");
  SelectOptions options;
  options.allow_side_effects = true;
  EXPECT_EQ(decide(options, exchange), "own_traffic");
  EXPECT_EQ(name_of(filter_of(options).decide_resend(exchange.request)), "own_traffic");
}

// noise.resend: whatever the rules allow once, only safe methods go twice, and under the rate.
TEST(Filter, RepeatsOnlyWhatIsSafe) {
  SelectOptions options;
  options.allow_side_effects = true;
  Filter filter = filter_of(options);
  const auto repeated = [&](const http::Exchange& one) { return name_of(filter.decide_repeat(one.request, Time{})); };
  EXPECT_EQ(repeated(exchange_of("GET", "/users/1")), "send");
  EXPECT_EQ(repeated(exchange_of("OPTIONS", "/users/1")), "send");
  EXPECT_EQ(repeated(exchange_of("POST", "/users/1")), "method");
  EXPECT_EQ(repeated(exchange_of("GET", "/logout")), "path");
  http::Exchange overridden = exchange_of("GET", "/users/1");
  overridden.request.headers.append("X-HTTP-Method-Override", "DELETE");
  EXPECT_EQ(repeated(overridden), "method");
  options.rate = 1;
  filter = filter_of(options);
  std::size_t sent = 0;
  for (int i = 0; i < 100; ++i) sent += repeated(exchange_of("GET", "/")) == "send" ? 1 : 0;
  EXPECT_LT(sent, 10U);
}

TEST(Filter, HeaderConditionsMustAllHold) {
  SelectOptions options;
  options.headers = {{"Host", "^shop\\.", false}, {"User-Agent", "bot", true}};
  http::Exchange exchange = exchange_of("GET", "/");
  EXPECT_EQ(decide(options, exchange), "path");
  exchange.request.headers.append("Host", "shop.example");
  EXPECT_EQ(decide(options, exchange), "send");
  exchange.request.headers.append("user-agent", "somebot/1");
  EXPECT_EQ(decide(options, exchange), "path");
}

TEST(Filter, RefusesBodiesThatAreTooLargeOrCut) {
  SelectOptions options;
  options.methods = {"POST"};
  options.max_request_body = 10;
  http::Exchange exchange = exchange_of("POST", "/");
  exchange.request.body = {"12345678901", 11, {}};
  EXPECT_EQ(decide(options, exchange), "body_too_large");
  exchange.request.body = {"1234", 9, {}};
  EXPECT_EQ(decide(options, exchange), "body_too_large");
  exchange.request.body = {"1234", 4, {}};
  EXPECT_EQ(decide(options, exchange), "send");
}

int sent_of(const SelectOptions& options, const std::function<http::Exchange(int)>& make) {
  Filter filter = filter_of(options);
  int sent = 0;
  for (int i = 0; i < 10000; ++i) {
    sent += name_of(filter.decide(make(i), options.sample, Time{})) == "send";
  }
  return sent;
}

TEST(Filter, SamplesTheShareThatWasAskedFor) {
  SelectOptions options;
  options.sample = 10;
  const auto per_id = [](int i) { return exchange_of("GET", "/", static_cast<unsigned>(i)); };
  EXPECT_NEAR(sent_of(options, per_id), 1000, 120);
  options.sample = 0;
  EXPECT_EQ(sent_of(options, per_id), 0);
}

TEST(Filter, AUserStaysInOrOutWhateverTheConnection) {
  for (const SampleBy by : {SampleBy::kHeader, SampleBy::kCookie}) {
    SelectOptions options;
    options.sample = 50;
    options.sample_by = by;
    options.sample_name = by == SampleBy::kHeader ? "X-User" : "uid";
    int inside = 0;
    for (int user = 0; user < 200; ++user) {
      const int sent = sent_of(options, [&](int i) {
        http::Exchange exchange =
            exchange_of("GET", "/", static_cast<unsigned>(i) + 7, static_cast<unsigned>(i) / 3);
        const std::string value = "user" + std::to_string(user);
        exchange.request.headers.append(by == SampleBy::kHeader ? "x-user" : "Cookie",
                                        by == SampleBy::kHeader ? value : "a=b; uid=" + value);
        return exchange;
      });
      EXPECT_TRUE(sent == 0 || sent == 10000);
      inside += sent > 0;
      if (user >= 60) break;
    }
    EXPECT_GT(inside, 15);
    EXPECT_LT(inside, 46);
  }
}

TEST(Filter, RaisingThePercentageKeepsWhoIsIn) {
  SelectOptions options;
  Filter filter = filter_of(options);
  for (unsigned id = 0; id < 1000; ++id) {
    const http::Exchange exchange = exchange_of("GET", "/", id);
    const bool at_ten = name_of(filter.decide(exchange, 10, Time{})) == "send";
    const bool at_twenty = name_of(filter.decide(exchange, 20, Time{})) == "send";
    EXPECT_TRUE(!at_ten || at_twenty);
  }
}

TEST(Filter, LimitsTheRate) {
  SelectOptions options;
  options.rate = 100;
  Filter filter = filter_of(options);
  int sent = 0;
  for (int ms = 0; ms < 10000; ++ms) {
    const Time now{std::chrono::seconds(1) + std::chrono::milliseconds(ms)};
    sent += name_of(filter.decide(exchange_of("GET", "/"), 100, now)) == "send";
  }
  EXPECT_NEAR(sent, 1000, 30);
}

TEST(Filter, BadPatternsAreFailuresThatNameThem) {
  SelectOptions options;
  options.allow = {"("};
  const auto made = Filter::create(options);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message().find("'('"), std::string::npos);
}

// Every combination of flags and rules: what has side effects passes only if something
// that was written down names it.
TEST(Filter, NoCombinationLetsAnUnsafeRequestThrough) {
  const std::vector<std::vector<std::string>> method_lists{
      {"GET", "HEAD", "OPTIONS"}, {"GET"}, {"GET", "POST"}, {}};
  const std::vector<std::vector<SideEffectRule>> rule_lists{
      {}, {{{"POST"}, "^/search$"}}, {{{"PUT", "DELETE"}, ""}}};
  const std::vector<std::vector<std::string>> allow_lists{
      {}, {"^/"}, {"^/logout$"}, {"search"}};
  const std::vector<std::vector<std::string>> deny_lists{{}, {"^/admin"}, {".*"}};
  const std::vector<std::string> methods{"GET",    "HEAD", "POST",   "PUT",
                                         "DELETE", "FOO",  "CONNECT"};
  const std::vector<std::string> targets{"/", "/search", "/logout", "/admin/x", "/verify?a=b"};
  std::size_t sent = 0;
  std::size_t checked = 0;
  for (const auto& method_list : method_lists)
    for (const auto& rules : rule_lists)
      for (const auto& allow : allow_lists)
        for (const auto& deny : deny_lists)
          for (const bool side_effects : {false, true})
            for (const double sample : {0.0, 50.0, 100.0})
              for (const auto by : {SampleBy::kRequest, SampleBy::kConnection}) {
                SelectOptions options;
                options.methods = method_list;
                options.side_effects = rules;
                options.allow = allow;
                options.deny = deny;
                options.allow_side_effects = side_effects;
                options.sample = sample;
                options.sample_by = by;
                Filter filter = filter_of(options);
                for (const auto& method : methods)
                  for (const auto& target : targets) {
                    http::Exchange exchange = exchange_of(method, target, ++checked);
                    const bool live =
                        name_of(filter.decide(exchange, sample, Time{})) == "send";
                    const bool again =
                        name_of(filter.decide_resend(exchange.request)) == "send";
                    EXPECT_TRUE(!live || again);  // a re-send is never refused what was sent
                    if (!live && !again) continue;
                    ++sent;
                    const bool listed =
                        std::count(method_list.begin(), method_list.end(), method);
                    const bool ruled =
                        !rules.empty() &&
                        ((rules[0].path.empty() && (method == "PUT" || method == "DELETE")) ||
                         (method == "POST" && target == "/search"));
                    EXPECT_TRUE(listed || ruled || side_effects) << method << target;
                    EXPECT_NE(method, "CONNECT");
                    EXPECT_TRUE(deny.empty() || (deny[0] == "^/admin" && target != "/admin/x"));
                    const bool names_logout = allow == allow_lists[2];
                    EXPECT_TRUE(target != "/logout" || names_logout);
                    EXPECT_NE(target, "/verify?a=b");
                    EXPECT_TRUE(!live || sample > 0);
                  }
              }
  EXPECT_GT(sent, checked / 20);  // the test does test something
}

}  // namespace
}  // namespace shadowtap::shadow
