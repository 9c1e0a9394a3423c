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
  EXPECT_EQ(redactor_.target("/a?x"), "/a?x");
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

TEST_F(Redaction, TakesSecretFieldsOutOfMultipart) {
  const std::string body =
      "--B\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter2\r\n"
      "--B\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nann\r\n--B--\r\n";
  const std::string out = redactor_.body("multipart/form-data; boundary=B", body);
  expect_gone(out);
  EXPECT_THAT(out, HasSubstr("ann"));
}

TEST_F(Redaction, TakesSecretsOutOfShownDifferences) {
  expect_gone(redactor_.value("$.a.token", "$.a.token", "\"hunter2\""));
  expect_gone(redactor_.value("cookies.sid", "cookies.sid", "hunter2"));
  expect_gone(redactor_.value("form.password", "form.password", "hunter2"));
  expect_gone(redactor_.value("$.cards[3].number", "$.cards[*].number", "\"hunter2\""));
  expect_gone(redactor_.value("headers.authorization", "headers.authorization", "Bearer hunter2"));
  expect_gone(redactor_.value("$.user", "$.user", R"({"password":"hunter2"})"));
  EXPECT_EQ(redactor_.value("$.price", "$.price", "5.00"), "5.00");
}

TEST_F(Redaction, EqualSecretsCanStillBeTold) {
  EXPECT_EQ(redactor_.mark("a"), redactor_.mark("a"));
  EXPECT_NE(redactor_.mark("a"), redactor_.mark("b"));
  EXPECT_NE(redactor_.mark("a"), Redactor({}, {3, 4}).mark("a"));
}

}  // namespace
}  // namespace shadowtap::results
