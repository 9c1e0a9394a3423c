#include "agent/shadow/outgoing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "agent/shadow/raw_message.h"

namespace shadowtap::shadow {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

http::Request request_of(std::string method, std::string target,
                         std::vector<std::pair<std::string, std::string>> headers,
                         std::string body = "") {
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  for (const auto& [name, value] : headers) request.headers.append(name, value);
  request.body = {body, body.size(), {}};
  return request;
}

std::string compose(const http::Request& request, TargetOptions options = {},
                    Trace trace = Trace::kNew) {
  if (options.url.empty()) options.url = "http://10.0.0.9:8080";
  const auto url = TargetUrl::parse(options.url);
  const auto made = Outgoing::create(options, *url, trace);
  EXPECT_TRUE(made) << made.error().message();
  return made->compose(request, made->target_of(request), 0xbeef);
}

TEST(Outgoing, KeepsOrderCaseAndRepeatsAndAddsOurHeader) {
  const auto request =
      request_of("GET", "/a?b=c", {{"hOsT", "shop"}, {"X-B", "1"}, {"x-a", "2"}, {"X-B", "3"}});
  EXPECT_EQ(compose(request),
            "GET /a?b=c HTTP/1.1\r\nhOsT: shop\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\n"
            "X-Shadowtap: beef\r\n\r\n");
}

TEST(Outgoing, RecreatesHopByHopHeaders) {
  const auto request = request_of("GET", "/",
                                  {{"Host", "h"},
                                   {"Connection", "close, X-Mine"},
                                   {"X-Mine", "1"},
                                   {"Keep-Alive", "5"},
                                   {"TE", "trailers"},
                                   {"Upgrade", "websocket"},
                                   {"Proxy-Authorization", "x"},
                                   {"Accept", "a"}});
  EXPECT_EQ(compose(request),
            "GET / HTTP/1.1\r\nHost: h\r\nAccept: a\r\nX-Shadowtap: beef\r\n\r\n");
}

TEST(Outgoing, FramesTheBodyWhereTheOriginalDid) {
  const auto sized =
      request_of("POST", "/", {{"Host", "h"}, {"content-length", "5"}, {"A", "b"}}, "hello");
  EXPECT_EQ(compose(sized),
            "POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 5\r\nA: b\r\nX-Shadowtap: "
            "beef\r\n\r\nhello");
  auto chunked = request_of("POST", "/",
                            {{"Host", "h"},
                             {"Transfer-Encoding", "chunked"},
                             {"Trailer", "X-Sum"},
                             {"Expect", "100-continue"}},
                            "hello world, hello");
  chunked.chunked = true;
  chunked.trailers.append("X-Sum", "18");
  EXPECT_EQ(compose(chunked),
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"
            "Expect: 100-continue\r\nX-Shadowtap: beef\r\n\r\n"
            "12\r\nhello world, hello\r\n0\r\nX-Sum: 18\r\n\r\n");
}

TEST(Outgoing, KeepsAnEmptyContentLength) {
  const auto request = request_of("POST", "/", {{"Host", "h"}, {"Content-Length", "0"}});
  EXPECT_THAT(compose(request), HasSubstr("Content-Length: 0\r\n"));
}

TEST(Outgoing, AnHttp10RequestStaysOneOnAReusableConnection) {
  auto request = request_of("GET", "/", {});
  request.version = {1, 0};
  EXPECT_EQ(compose(request),
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\nX-Shadowtap: beef\r\n\r\n");
}

TEST(Outgoing, RewritesTheTarget) {
  TargetOptions options;
  options.url = "http://10.0.0.9:8080/base/";
  options.rewrite = {{"^/v1/(.*)", "/v2/\\1"}, {"^/v2/", "/never/"}};
  options.set_query = {{"env", "shadow"}, {"q", "new"}};
  options.remove_query = {"token"};
  EXPECT_THAT(compose(request_of("GET", "/v1/users?q=old&token=1&z=2", {}), options),
              HasSubstr("GET /base/v2/users?q=new&z=2&env=shadow HTTP/1.1\r\n"));
  EXPECT_THAT(compose(request_of("GET", "http://shop.example/v1/a", {}), options),
              HasSubstr("GET /base/v2/a?env=shadow&q=new HTTP/1.1\r\n"));
  EXPECT_THAT(compose(request_of("OPTIONS", "*", {}), options),
              HasSubstr("OPTIONS * HTTP/1.1\r\n"));
}

TEST(Outgoing, SetsAndRemovesHeaders) {
  ::setenv("SHADOWTAP_TEST_TOKEN", "Bearer s3cret", 1);
  TargetOptions options;
  options.original_host = false;
  options.set_headers = {{"X-Env", "shadow"}, {"Accept", "b"}};
  options.secret_headers = {{"Authorization", "", "SHADOWTAP_TEST_TOKEN"}};
  options.remove_headers = {"cookie"};
  EXPECT_EQ(
      compose(
          request_of(
              "GET", "/",
              {{"Host", "h"}, {"Cookie", "a=b"}, {"accept", "a"}, {"Authorization", "theirs"}}),
          options),
      "GET / HTTP/1.1\r\nHost: 10.0.0.9:8080\r\naccept: b\r\nAuthorization: Bearer s3cret\r\n"
      "X-Env: shadow\r\nX-Shadowtap: beef\r\n\r\n");
  ::unsetenv("SHADOWTAP_TEST_TOKEN");
}

TEST(Outgoing, AMissingSecretIsAFailureThatNamesIt) {
  TargetOptions options;
  options.url = "http://h";
  options.secret_headers = {{"Authorization", "/nowhere/token", ""}};
  const auto made = Outgoing::create(options, *TargetUrl::parse(options.url), Trace::kNew);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(), HasSubstr("/nowhere/token"));
}

TEST(Outgoing, RefusesOptionsThatWouldMakeOneRequestTwo) {
  const auto refused = [](const TargetOptions& options) {
    return !Outgoing::create(options, *TargetUrl::parse("http://h"), Trace::kNew);
  };
  const std::vector<NameValue> headers{{"X", "a\r\nDELETE / HTTP/1.1"}, {"X", "a\nb"},
                                       {"X\r\nY", "a"},                {"", "a"},
                                       {"content-length", "5"},        {"Transfer-Encoding", "x"},
                                       {"x-shadowtap", "1"},           {"X", std::string("\0", 1)}};
  for (const NameValue& header : headers) {
    TargetOptions options;
    options.set_headers = {header};
    EXPECT_TRUE(refused(options)) << header.name << ": " << header.value;
  }
  for (const NameValue& pair : std::vector<NameValue>{{"q", "a b"}, {"q", "\r\n"}, {"", "x"}}) {
    TargetOptions options;
    options.set_query = {pair};
    EXPECT_TRUE(refused(options)) << pair.name << "=" << pair.value;
  }
  TargetOptions options;
  options.rewrite = {{"^/a", "/b HTTP/1.1\r\n"}};
  EXPECT_TRUE(refused(options));
}

TEST(Outgoing, ARewrittenTargetStaysAPath) {
  TargetOptions options;
  options.rewrite = {{"^/v1/?", ""}};
  EXPECT_THAT(compose(request_of("GET", "/v1/users", {}), options),
              HasSubstr("GET /users HTTP/1.1\r\n"));
}

// What the service's parser and the target's could understand differently: what we take in
// goes out as exactly one request with the same method and body, or is not taken in.
TEST(Outgoing, NoHeadMakesOneRequestTwo) {
  const std::string post = "POST /a HTTP/1.1\r\nHost: h\r\n";
  const std::vector<std::string> heads{
      post + "Transfer-Encoding : chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      post + "Transfer-Encoding:\tchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      post + "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
      post + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5\r\nhello\r\n0\r\n\r\n",
      post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
      post + "Content-Length: 5\r\nX: a\r\n b\r\n\r\nhello",
      post + "Content-Length: 5\r\nX: a\n\r\nhello",
      post + "Content-Length: +5\r\n\r\nhello",
      post + "Content_Length: 9\r\nContent-Length: 5\r\n\r\nhello",
      post + "X: a\rContent-Length: 9\r\nContent-Length: 5\r\n\r\nhello",
      post + "Transfer-Encoding: chunked\r\n\r\n5;a=\"\"\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n",
      post + "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\nhello",
      post + "Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello",
  };
  int taken = 0;
  for (const std::string& head : heads) {
    const auto captured = parse_request(head);
    if (!captured) continue;
    ++taken;
    const std::string sent = compose(*captured);
    const auto again = parse_request(sent);
    ASSERT_TRUE(again) << sent;
    EXPECT_EQ(again->method, "POST");
    EXPECT_EQ(again->body.bytes, "hello") << sent;
    EXPECT_EQ(std::count(sent.begin(), sent.end(), '\r'), std::count(sent.begin(), sent.end(), '\n'));
    const bool coded = again->headers.find("transfer-encoding").has_value();
    EXPECT_NE(coded, again->headers.find("content-length").has_value()) << sent;
    EXPECT_EQ(coded ? *again->headers.find("transfer-encoding") : "chunked", "chunked");
  }
  EXPECT_GE(taken, 5);
}

TEST(Outgoing, GivesTracesANewIdThatIsNotSampled) {
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  const auto request = request_of("GET", "/",
                                  {{"traceparent", "00-" + trace + "-b7ad6b7169203331-01"},
                                   {"tracestate", "x=y"},
                                   {"X-B3-TraceId", "463ac35c9f6413ad"},
                                   {"X-B3-Sampled", "1"},
                                   {"b3", "1"}});
  const std::string fresh = compose(request);
  EXPECT_THAT(fresh, Not(HasSubstr(trace)));
  EXPECT_THAT(fresh,
              ::testing::ContainsRegex("traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n"));
  EXPECT_THAT(fresh, ::testing::ContainsRegex(
                         "X-B3-TraceId: [0-9a-f]{16}\r\nX-B3-Sampled: 0\r\nb3: 0\r\n"));
  EXPECT_THAT(fresh, Not(HasSubstr("tracestate")));
  EXPECT_THAT(compose(request, {}, Trace::kKeep), HasSubstr(trace));
  EXPECT_THAT(compose(request, {}, Trace::kDrop), Not(HasSubstr("race")));
}

TEST(TargetUrl, TakesUrlsApart) {
  struct Case {
    const char* text;
    const char* host;
    int port;
    const char* base;
    const char* authority;
  };
  const Case cases[] = {
      {"http://10.0.0.9:8080", "10.0.0.9", 8080, "", "10.0.0.9:8080"},
      {"http://shop/", "shop", 80, "", "shop"},
      {"https://shop/a/b/", "shop", 443, "/a/b", "shop"},
      {"https://[::1]:8443/x", "::1", 8443, "/x", "[::1]:8443"},
      {"unix:/run/app.sock", "/run/app.sock", 0, "", "localhost"},
      {"unix:/run/app.sock:/api", "/run/app.sock", 0, "/api", "localhost"},
  };
  for (const Case& c : cases) {
    const auto url = TargetUrl::parse(c.text);
    ASSERT_TRUE(url) << c.text;
    EXPECT_EQ(url->host, c.host);
    EXPECT_EQ(url->port, c.port);
    EXPECT_EQ(url->base, c.base);
    EXPECT_EQ(url->authority(), c.authority);
  }
  for (const char* text : {"", "shop:80", "http://", "http://:80", "http://a:0", "http://a:x",
                           "http://a:99999", "http://u:p@a", "http://a?b", "http://a b",
                           "unix:x", "http://[::1", "http://[::1]80", "ftp://a"}) {
    EXPECT_FALSE(TargetUrl::parse(text)) << text;
  }
}

}  // namespace
}  // namespace shadowtap::shadow
