// What is kept of an exchange shows no secret, whatever its body is.
#include "agent/results/sample_of.h"

#include <gmock/gmock.h>

#include "tests/unit/results/traffic.h"

namespace shadowtap::results::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

std::string from_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t word = 0;
  int bits = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) break;
    word = word << 6 | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(word >> bits & 0xff);
  }
  return out;
}

// As it is shown, of a request with such a body.
ShownMessage shown(const std::string& type, const std::string& body, const std::string& coding = "") {
  Made made("POST", "/users", kStart, 1);
  http::Request& request = made.comparison.exchange.request;
  request.headers.append("Content-Type", type);
  if (!coding.empty()) request.headers.append("Content-Encoding", coding);
  request.body.bytes = body;
  request.body.size = body.size();
  return detail_of(made.comparison, "shop", Redactor({}, {1, 2})).request;
}

TEST(SampleOf, JsonWithOneByteThatIsNotUtf8IsRedactedBeforeItBecomesBase64) {
  const ShownMessage message = shown("application/json", "{\"name\":\"Ren\xe9\",\"token\":\"hunter2\"}");
  ASSERT_FALSE(message.body_is_text);
  const std::string bytes = from_base64(message.body);
  EXPECT_THAT(bytes, HasSubstr("{\"name\":\"Ren\xe9\",\"token\":\"redacted:"));
  EXPECT_THAT(bytes, Not(HasSubstr("hunter2")));
}

TEST(SampleOf, APasswordBesideAPictureIsRedacted) {
  const std::string picture("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
  const std::string body = "--B\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a.png\"\r\n"
                           "Content-Type: image/png\r\n\r\n" + picture + "\r\n"
                           "--B\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter2\r\n--B--\r\n";
  const ShownMessage message = shown("multipart/form-data; boundary=B", body);
  ASSERT_FALSE(message.body_is_text);
  const std::string bytes = from_base64(message.body);
  EXPECT_THAT(bytes, HasSubstr(picture));
  EXPECT_THAT(bytes, HasSubstr("name=\"password\"\r\n\r\nredacted:"));
  EXPECT_THAT(bytes, Not(HasSubstr("hunter2")));
  EXPECT_EQ(message.body_size, body.size());
}

TEST(SampleOf, ASecretThatStraddlesTheCutIsRedacted) {
  const std::string body = "{\"a\":\"" + std::string((64 << 10) - 30, '\xe9') + "\",\"token\":\"hunter2" +
                           std::string(300, 'x') + "\"}";
  EXPECT_THAT(from_base64(shown("application/json", body).body), Not(HasSubstr("hunter")));
}

TEST(SampleOf, ABodyInACodingNobodyKnowsIsWithheld) {
  const ShownMessage message = shown("application/json", "\x1f\x9d\x90hunter2", "compress");
  EXPECT_TRUE(message.body_is_text);
  EXPECT_THAT(message.body, MatchesRegex("redacted:[0-9a-f]+ \\(10 bytes that cannot be read\\)"));
}

TEST(SampleOf, TextUnderACodingThatIsNoneIsShown) {
  const ShownMessage message = shown("application/json", R"({"a":1,"token":"hunter2"})", "utf-8");
  EXPECT_TRUE(message.body_is_text);
  EXPECT_THAT(message.body, MatchesRegex("\\{\"a\":1,\"token\":\"redacted:[0-9a-f]+\"\\}"));
}

TEST(SampleOf, WhatHoldsNoSecretIsShownToTheByte) {
  const std::string picture("\xff\xd8\xff\xe0\0\x10JFIF<a\"b", 14);
  const ShownMessage message = shown("image/jpeg", picture);
  EXPECT_FALSE(message.body_is_text);
  EXPECT_EQ(from_base64(message.body), picture);
  EXPECT_EQ(shown("text/plain", "gr\xc3\xbc\xc3\x9f\n").body, "gr\xc3\xbc\xc3\x9f\n");
}

TEST(SampleOf, ADifferenceShowsNoSecretEither) {
  Made made("GET", "/users/1", kStart, 1);
  made.candidate({differs("$.payload", diff::Kind::kValue, R"("{\"token\":\"hunter1\"}")",
                          R"("{\"token\":\"hunter2\"}")")});
  const DiffDetail detail = detail_of(made.comparison, "shop", Redactor({}, {1, 2}));
  ASSERT_EQ(detail.row.differences.size(), 1U);
  EXPECT_THAT(detail.row.differences[0].original, HasSubstr(R"("{\"token\":\"redacted:)"));
  EXPECT_THAT(detail.row.differences[0].candidate, Not(HasSubstr("hunter")));
}

}  // namespace
}  // namespace shadowtap::results::test
