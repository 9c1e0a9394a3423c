#include "agent/results/redaction.h"

#include <gmock/gmock.h>

#include "agent/results/keyed_hash.h"

namespace shadowtap::results {
namespace {

using testing::HasSubstr;
using testing::Not;

// Everything in these inputs that must not get out contains "hunter".
class Redaction : public testing::Test {
 protected:
  Redactor redactor_{{.paths = {"$.user.ssn", "$.cards[*].number"}}, {1, 2}};
  void expect_gone(const std::string& text) { EXPECT_THAT(text, Not(HasSubstr("hunter"))); }
};

TEST(KeyedHash, IsSipHash24) {  // the vector of the paper's appendix A
  std::string input;
  for (char c = 0; c < 15; ++c) input += c;
  EXPECT_EQ(keyed_hash({0x0706050403020100, 0x0f0e0d0c0b0a0908}, input), 0xa129ca6149be45e5);
}

TEST_F(Redaction, TakesCredentialsOutOfHeaders) {
  expect_gone(redactor_.header("Authorization", "Bearer hunter2"));
  EXPECT_THAT(redactor_.header("authorization", "Bearer hunter2"), HasSubstr("Bearer redacted:"));
  expect_gone(redactor_.header("Proxy-Authorization", "hunter2"));
  expect_gone(redactor_.header("COOKIE", "sid=hunter2; theme=hunter3"));
  EXPECT_THAT(redactor_.header("Set-Cookie", "sid=hunter2; Path=/; HttpOnly"),
              testing::AllOf(Not(HasSubstr("hunter")), HasSubstr("sid=redacted:"), HasSubstr("; Path=/")));
  EXPECT_EQ(redactor_.header("Accept", "text/html"), "text/html");
  expect_gone(redactor_.header("Location", "/in?token=hunter2"));
}

TEST_F(Redaction, TakesTellingNamesOutOfQueriesAndForms) {
  EXPECT_THAT(redactor_.target("/a?x=1&Token=hunter2&y=2"),
              testing::AllOf(HasSubstr("x=1&Token=redacted:"), HasSubstr("&y=2"), Not(HasSubstr("hunter"))));
  expect_gone(redactor_.body("application/x-www-form-urlencoded", "user=a&password=hunter2"));
  expect_gone(redactor_.body("", "password=hunter2&user=a"));
  expect_gone(redactor_.header("Location", "https://app.example/#access_token=hunter2&state=1"));
  EXPECT_EQ(redactor_.target("/a?x"), "/a?x");
}

TEST_F(Redaction, KnowsAFieldHoweverItsNameIsWritten) {
  for (const char* pair : {"pass%77ord=hunter2", "user[password]=hunter2", "user%5Bpassword%5D=hunter2",
                           "a=1&token[]=hunter2", "card%4eo=hunter2", "cardNo=hunter2"}) {
    const Redactor redactor({.paths = {"form.cardNo"}}, {1, 2});
    expect_gone(redactor.body("application/x-www-form-urlencoded", pair));
    expect_gone(redactor.target(std::string("/a?") + pair));
  }
  EXPECT_EQ(redactor_.target("/a?pass%7=1&tokens=2&user[name]=3%"), "/a?pass%7=1&tokens=2&user[name]=3%");
}

TEST_F(Redaction, TakesSecretsOutOfJsonThatIsCalledAForm) {  // as `curl -d` calls it
  for (const char* body :
       {R"({"password":"hunter2"})", R"( [{"token":"hunter2"}])", R"({"a":"b&token=hunter2"})"}) {
    expect_gone(redactor_.body("application/x-www-form-urlencoded", body));
    expect_gone(redactor_.body("application/x-www-form-urlencoded; charset=UTF-8", body));
  }
}

TEST_F(Redaction, TakesSecretsOutOfJsonWhereverTheyStand) {
  for (const char* body :
       {R"({"password":"hunter2"})", R"({"a":[{"b":{"Secret" : "hunter2"}}]})",
        R"({"token":{"value":"hunter2","list":["hunter3"]},"x":1})", R"({"pass\u0077ord":"hunter2"})",
        R"({"session":["hunter2"]})", R"({"inner":"{\"token\":\"hunter2\"}"})",
        R"({"api_key":"hun\"ter hunter2"})", R"({"user":{"ssn":"hunter2"}})",
        R"({"cards":[{"number":"hunter1"},{"number":"hunter2"}]})", R"({"password":"hunter2)",
        "{\"password\":\"hunter1\"}\n{\"password\":\"hunter2\"}\n"}) {
    expect_gone(redactor_.body("application/json", body));
    expect_gone(redactor_.body("text/plain", body));
  }
  EXPECT_EQ(redactor_.body("application/json", R"({"a": [1, "x"], "passwords_left": 3})"),
            R"({"a": [1, "x"], "passwords_left": 3})");
}

TEST_F(Redaction, WhatIsLeftOfAJsonDocumentIsStillOne) {
  const std::string out =
      redactor_.body("application/json", R"({"password":123,"b":"{\"token\":\"hunter2\",\"c\":\"d\"}"})");
  EXPECT_THAT(out, testing::MatchesRegex(
                       R"(\{"password":"redacted:[0-9a-f]+","b":"\{\\"token\\":\\"redacted:[0-9a-f]+\\",\\"c\\":\\"d\\"\}"\})"));
}

TEST_F(Redaction, TakesSecretsOutOfDocumentsInStringsHoweverDeep) {
  std::string value = R"({"token":"hunter2"})";
  for (int depth = 0; depth < 7; ++depth) {
    expect_gone(redactor_.body("application/json", R"({"a":)" + value + "}"));
    expect_gone(redactor_.value("$.a", "$.a", value));
    std::string escaped;
    for (const char c : value) escaped += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    value = '"' + escaped + '"';
  }
}

TEST_F(Redaction, ConfiguredPathsAreThoseThatDifferencesHave) {
  const Redactor redactor(
      {.paths = {"$['odd key'][0].x", "$.payload|$.id", "$..pin", "headers.X-User"}}, {1, 2});
  expect_gone(redactor.body("application/json", R"({"odd key":[{"x":"hunter1"}],"a":[{"pin":{"b":"hunter2"}}]})"));
  expect_gone(redactor.body("application/json", R"({"payload":"{\"id\":\"hunter2\"}"})"));
  expect_gone(redactor.value("$['odd key'][7].x", "$['odd key'][*].x", "\"hunter2\""));
  expect_gone(redactor.value("$.payload|$.id", "$.payload|$.id", "\"hunter2\""));
  expect_gone(redactor.value("$.payload", "$.payload", R"("{\"id\":\"hunter2\"}")"));
  expect_gone(redactor.value("$.a[1].pin.b", "$.a[*].pin.b", "\"hunter2\""));
  expect_gone(redactor.header("x-user", "hunter2"));
  const Redactor rows({.paths = {"$[*].id"}}, {1, 2});
  expect_gone(rows.body("application/x-ndjson", "{\"id\":\"hunter1\"}\n{\"id\":\"hunter2\"}\n"));
}

TEST_F(Redaction, KnowsAConfiguredPlaceInAPartOfADocument) {
  expect_gone(redactor_.value("$.user", "$.user", R"({"ssn":"hunter2","name":"ann"})"));
  expect_gone(redactor_.value("$.cards", "$.cards", R"([{"number":"hunter1"},{"number":"hunter2"}])"));
  expect_gone(redactor_.value("$.cards[1]", "$.cards[*]", R"({"number":"hunter2"})"));
  EXPECT_EQ(redactor_.value("$.other", "$.other", R"({"ssn":"1"})"), R"({"ssn":"1"})");
}

TEST_F(Redaction, TakesSecretsOutOfShownDifferences) {
  expect_gone(redactor_.value("$.a.token", "$.a.token", "\"hunter2\""));
  expect_gone(redactor_.value("cookies.sid", "cookies.sid", "hunter2"));
  expect_gone(redactor_.value("form.password", "form.password", "hunter2"));
  expect_gone(redactor_.value("$.cards[3].number", "$.cards[*].number", "\"hunter2\""));
  expect_gone(redactor_.value("headers.authorization", "headers.authorization", "Bearer hunter2"));
  expect_gone(redactor_.value("$.user", "$.user", R"({"password":"hunter2"})"));
  expect_gone(redactor_.value("$.token.value", "$.token.value", "\"hunter2\""));
  expect_gone(redactor_.value("$.payload", "$.payload", R"("{\"token\":\"hunter2\"}")"));
  expect_gone(redactor_.value("$.payload", "$.payload", R"("[\"a\",{\"secret\" : \"hunter2\"}]")"));
  expect_gone(redactor_.value("$.payload", "$.payload", R"("{\"token\":\"hunter2)"));  // cut
  expect_gone(redactor_.value("$", "$", "user=a&password=hunter2"));  // a form against JSON
  expect_gone(redactor_.value("line 3", "line *", "  },\n  \"password\": \"hunter2\",\n  \"a\": 1\n"));
  for (const char* value : {"5.00", R"("he said \"no\"")", R"("a\u00e9\n")", "true"}) {
    EXPECT_EQ(redactor_.value("$.a", "$.a", value), value);
  }
}

TEST_F(Redaction, TakesACookieForOneWhateverItsName) {
  expect_gone(redactor_.value("cookies.connect.sid", "cookies.connect.sid", "hunter2"));
  EXPECT_EQ(redactor_.value("cookies.connect.sid.path", "cookies.connect.sid.path", "/"), "/");
  EXPECT_EQ(redactor_.value("cookies.session.max-age", "cookies.session.max-age", "60"), "60");
}

TEST_F(Redaction, EqualSecretsCanStillBeTold) {
  EXPECT_EQ(redactor_.mark("a"), redactor_.mark("a"));
  EXPECT_NE(redactor_.mark("a"), redactor_.mark("b"));
  EXPECT_NE(redactor_.mark("a"), Redactor({}, {3, 4}).mark("a"));
}

}  // namespace
}  // namespace shadowtap::results
