#include "agent/api/router.h"

#include <gtest/gtest.h>

#include "agent/api/accept.h"

namespace shadowtap::api {
namespace {

Response echo(const Request& request) {
  std::string text;
  for (const std::string& parameter : request.parameters) text += "[" + parameter + "]";
  return {200, "text/plain", text, {}};
}

std::string header(const Response& response, const std::string& name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    router_.add("GET", "/api/v1/things/{id}/parts", echo);
    router_.add("GET", "/api/v1/things", echo);
    router_.add("DELETE", "/api/v1/things", echo);
    router_.add("POST", "/api/v1/run", echo);
  }
  Response call(const std::string& method, const std::string& target,
                const std::string& if_none_match = {}) {
    Request request;
    request.method = method;
    EXPECT_TRUE(request.set_target(target));
    request.if_none_match = if_none_match;
    return router_.handle(request);
  }
  Router router_;
};

TEST_F(RouterTest, ParametersAreDecodedSegments) {
  EXPECT_EQ(call("GET", "/api/v1/things/a%2Fb%20c/parts?x=1").body, "[a/b c]");
}

TEST_F(RouterTest, AnUnknownPathNamesTheNearest) {
  const Response response = call("GET", "/api/v1/thing");
  EXPECT_EQ(response.status, 404u);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_NE(response.body.find("did you mean '/api/v1/things'"), std::string::npos);
}

TEST_F(RouterTest, AWrongMethodNamesTheAllowedOnes) {
  EXPECT_EQ(header(call("PUT", "/api/v1/things"), "Allow"), "GET, HEAD, DELETE");
  EXPECT_EQ(call("PUT", "/api/v1/things").status, 405u);
  EXPECT_EQ(call("HEAD", "/api/v1/run").status, 405u);
}

TEST_F(RouterTest, HeadIsGet) {
  EXPECT_EQ(call("HEAD", "/api/v1/things/7/parts").body, "[7]");
}

TEST_F(RouterTest, AMatchingEntityTagAnswersNotModified) {
  const std::string tag = header(call("GET", "/api/v1/things/7/parts"), "ETag");
  ASSERT_FALSE(tag.empty());
  EXPECT_EQ(call("GET", "/api/v1/things/7/parts", "\"other\", " + tag).status, 304u);
  EXPECT_EQ(call("GET", "/api/v1/things/7/parts", "*").status, 304u);
  EXPECT_EQ(call("GET", "/api/v1/things/8/parts", tag).status, 200u);
}

TEST_F(RouterTest, WhatTheCallerDoesNotTakeIsNotAcceptable) {
  Request request;
  ASSERT_TRUE(request.set_target("/api/v1/things"));
  request.accept = "application/json";
  const Response refused = router_.handle(request);
  EXPECT_EQ(refused.status, 406u);
  EXPECT_EQ(refused.content_type, "application/problem+json");
  EXPECT_NE(refused.body.find("text/plain"), std::string::npos);
  request.accept = "application/json, text/*;q=0.1";
  EXPECT_EQ(router_.handle(request).status, 200u);
}

TEST(Accept, TheMostSpecificRangeDecides) {
  struct Case {
    const char* accept;
    bool takes_json, takes_text;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"", true, true},
           {" , ", true, true},
           {"*/*", true, true},
           {"Application/JSON;v=1", true, false},
           {"text/*", false, true},
           {"text/html, */*;q=0.8", true, true},
           {"*/*;q=0", false, false},
           {"*/*, application/json;q=0.000", false, true},
           {"application/json;q=0, */*", false, true},
           {"application/*;q=0.5;x=0, text/plain;q=0", true, false},
           {"jsonapplication", false, false},
           {"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            true, true},
       }) {
    EXPECT_EQ(accepts(c.accept, "application/json"), c.takes_json) << c.accept;
    EXPECT_EQ(accepts(c.accept, "text/plain; charset=utf-8"), c.takes_text) << c.accept;
  }
}

TEST(RequestTarget, SplitsBeforeItDecodes) {
  Request request;
  ASSERT_TRUE(request.set_target("/a%3Fb/c?x=1%26y&z=p+q&empty&#frag"));
  EXPECT_EQ(request.path, (std::vector<std::string>{"a?b", "c"}));
  EXPECT_EQ(request.query, (NameValues{{"x", "1&y"}, {"z", "p q"}, {"empty", ""}}));
}

TEST(RequestTarget, WhatIsNoPathIsRefused) {
  for (const char* wrong : {"", "*", "http://host/", "/a%zz", "/a%2", "/?q=%", "/%"}) {
    EXPECT_FALSE(Request().set_target(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace shadowtap::api
