// Secrets in bodies that are neither plain JSON nor a plain form.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <random>

#include "agent/results/multipart.h"
#include "agent/results/redaction.h"

namespace shadowtap::results {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Everything in these inputs that must not get out contains "hunter".
class BodyRedaction : public testing::Test {
 protected:
  Redactor redactor_{
      {.paths = {"form.card", "/order/card", "/order/item/@sku", "/a/b/text()", "$.card"}}, {1, 2}};
  void expect_gone(const std::string& text) { EXPECT_THAT(text, Not(HasSubstr("hunter"))); }
};

std::string part(const std::string& head, const std::string& content) {
  return "--B\r\n" + head + "\r\n\r\n" + content + "\r\n";
}

std::string field(const std::string& name, const std::string& content) {
  return part("Content-Disposition: form-data; name=\"" + name + "\"", content);
}

TEST_F(BodyRedaction, TakesTellingAndConfiguredFieldsOutOfMultipart) {
  const std::string body = field("password", "hunter1") + field("user", "ann") + field("card", "hunter\r\n2") +
                           field("user[token]", "hunter3") + "--B--\r\n";
  const std::string out = redactor_.body("multipart/form-data; boundary=B", body);
  expect_gone(out);
  EXPECT_THAT(out, AllOf(HasSubstr(field("user", "ann")), HasSubstr("\r\n--B--\r\n"),
                         HasSubstr("name=\"card\"\r\n\r\nredacted:")));
}

TEST_F(BodyRedaction, KnowsAFieldHoweverItsPartIsWritten) {
  const std::string ann = field("user", "ann");
  for (const std::string& body : {
           part("Content-Disposition: form-data; filename=\"x\"; name=\"password\"", "hunter2"),
           part("content-disposition:form-data;name=password", "hunter2"),
           part("Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"pass\\word\"", "hunter2"),
           std::string("--B\nContent-Disposition: form-data; name=\"password\"\n\nhunter2\n--B--\n"),
           "a preamble\r\n" + field("password", "hunter2"),
           field("password", "a\r\n--Because\r\nhunter2"),
           field("password", "hunter2").substr(0, 63),
           part("Content-Type: application/json", R"({"token":"hunter2"})"),
           part("Content-Disposition: form-data; name=\"a\"", R"({"token":"hunter2"})"),
           part("Content-Type: application/x-www-form-urlencoded", "a=1&token=hunter2"),
           part("Content-Type: multipart/mixed; boundary=C", "--C\r\n\r\n{\"token\":\"hunter2\"}\r\n--C--"),
       }) {
    const std::string out = redactor_.body("multipart/form-data; boundary=\"B\"", ann + body);
    expect_gone(out);
    EXPECT_THAT(out, HasSubstr("ann"));
    expect_gone(redactor_.body("multipart/form-data; boundary=other", body));
    expect_gone(redactor_.body("multipart/form-data", body));
  }
}

TEST_F(BodyRedaction, TakesTellingAndConfiguredElementsOutOfMarkup) {
  for (const char* body :
       {"<order><card>hunter2</card><n>5</n></order>",
        "<order><card type='visa' no=\"hunter1\">hunter2</card></order>",
        "<order><s:Card xmlns:s='x'><no>hunter2</no></s:Card></order>",
        "<order><card/><card no='hunter2'/></order>",
        "<order><card><card>a</card>hunter2</card>", "<order><card><!-- </card> -->hunter2</card></order>",
        "<order><card><![CDATA[</card>]]>hunter2</card></order>",
        "<order><card><x y=\"</card>\">hunter2</x></card></order>", "<order><card>hunter2",
        "<order><item sku=hunter2></item></order>", "<order><item n=\"1\" sku = 'hunter2'/></order>",
        "<order><item sku=\"hunter2", "<a><b>hunter2</b></a>", "<login><password>hunter2</password></login>",
        "<login token='hunter2'/>", "<html><body><CARD>hunter2</CARD><p>x", "<!-- <card>hunter2</card> -->",
        "<x><![CDATA[<card>hunter2</card>]]></x>", "<script>var s = {\"token\": \"hunter2\"}</script>"}) {
    for (const char* type : {"application/xml", "text/html; charset=utf-8", "image/svg+xml", ""}) {
      expect_gone(redactor_.body(type, body));
    }
    expect_gone(redactor_.value("line 2", "line *", body));
  }
  EXPECT_THAT(redactor_.body("text/xml", "<order><card>hunter2</card><n>5</n></order>"),
              AllOf(HasSubstr("<order><card>redacted:"), HasSubstr("</card><n>5</n></order>")));
}

TEST_F(BodyRedaction, KnowsANameBehindAPrefixInAMarkupPath) {
  const Redactor redactor({.paths = {"/a:order/b:card", "/a:order/b:item/@c:sku"}}, {1, 2});
  for (const char* path :
       {"/ns1:in/ns2:token/text()", "/ns1:in/@ns2:token", "/ns:Password[2]", "/s:session/x", "/x/order/c:card/text()",
        "/order/item/@sku", "/order/x:item[3]/@y:sku"}) {
    expect_gone(redactor.value(path, path, "hunter2"));
  }
  for (const char* path : {"/token:in/text()", "/ns:tokens", "/order/@sku"}) {
    EXPECT_EQ(redactor.value(path, path, "5"), "5");
  }
}

TEST_F(BodyRedaction, OnlyADocumentLosesWhatStandsBehindAnElementWithoutAnEnd) {
  for (const char* body : {R"({"error":"send Authorization: Bearer <token>","items":[1,{"a":"b"}]})",
                           R"({"error":"<token>","items":[1,{"a":"b"}]})",
                           R"({"error":"<token> or <x token='a","items":"</token>"})",
                           R"({"error":"\u003ctoken\u003e \"C:\\users\" \u00e9","items":[1]})",
                           R"(["<x token=a", "items"])"}) {
    for (const char* type : {"application/json", "text/html", ""}) {
      const std::string out = redactor_.body(type, body);
      EXPECT_THAT(out, HasSubstr("items"));
      boost::system::error_code error;
      boost::json::parse(out, error);
      EXPECT_FALSE(error) << out;
    }
  }
  EXPECT_EQ(redactor_.body("text/plain", "pass <token>\nthen go on"), "pass <token>\nthen go on");
  EXPECT_THAT(redactor_.body("text/plain", "pass <token>hunter2\nthen go on"),
              AllOf(Not(HasSubstr("hunter")), HasSubstr("\nthen go on")));
}

TEST_F(BodyRedaction, TakesMarkupOutOfTextAndOfStringsOfJson) {
  for (const char* body :
       {R"({"a":"<card>hunter2</card>"})", R"({"a":"see <card>hunter2</card>"})",
        R"({"a":"<card no=\"hunter 1\">\nhunter2\n</card>"})", R"({"a":"\u003ccard\u003ehunter2\u003c/card\u003e"})",
        R"({"a":"<card>hunter2"})", R"({"a":"{\"b\":\"<card no='hunter1'>hunter2</card>\"}"})", R"({"a":"<card>hunter2)",
        "Sent: <card no=\"1\">\nhunter2\n</card>", "[5\" pipe] <card no=\"hunter1\">hunter2</card>",
        "see <card><card>a</card>hunter2</card>", "see <card><card>hunter2</card>", "see <card>hunter2",
        "<card> is empty: <card>hunter2</card>"}) {
    for (const char* type : {"application/json", "text/plain", "text/xml", ""}) {
      expect_gone(redactor_.body(type, body));
    }
    expect_gone(redactor_.value("$.a", "$.a", body));
  }
}

TEST_F(BodyRedaction, TakesThemOutOfShownDifferencesToo) {
  expect_gone(redactor_.value("/order/card/text()", "/order/card/text()", "hunter2"));
  expect_gone(redactor_.value("/order[2]/card[3]", "/order/card", "<card>hunter2</card>"));
  expect_gone(redactor_.value("/order/card/@no", "/order/card/@no", "hunter2"));
  expect_gone(redactor_.value("/order/item[2]/@sku", "/order/item/@sku", "hunter2"));
  expect_gone(redactor_.value("/order", "/order", "<order><card>hunter2</card></order>"));
  EXPECT_EQ(redactor_.value("/order/item[2]/@n", "/order/item/@n", "5"), "5");
}

// "{"token":"hunter2"}" and the like in 16-bit units.
std::string utf16(std::string_view text, bool little) {
  std::string out;
  for (const char c : text) {
    if (!little) out += '\0';
    out += c;
    if (little) out += '\0';
  }
  return out;
}

TEST_F(BodyRedaction, ReadsUtf16) {
  for (const std::string text : {R"({"token":"hunter2","a":1})", "<x><card>hunter2</card></x>"}) {
    for (const bool little : {true, false}) {
      const std::string mark = little ? "\xff\xfe" : "\xfe\xff";
      const std::string units = utf16(text, little);
      for (const std::string& body : {units, mark + units, mark + units + 'x'}) {
        for (const char* type : {"application/json; charset=utf-16", "application/json", "text/xml", ""}) {
          std::string out = redactor_.body(type, body);
          std::erase(out, '\0');
          expect_gone(out);
        }
      }
    }
  }
  const std::string harmless = utf16("{\"a\":1}", true);
  EXPECT_EQ(redactor_.body("application/json", harmless), harmless);
}

TEST_F(BodyRedaction, AWideCharsetThatCannotBeReadIsWithheld) {
  EXPECT_THAT(redactor_.body("text/plain; charset=utf-32", std::string("h\0\0\0", 4)), HasSubstr("cannot be read"));
}

TEST_F(BodyRedaction, WhatHoldsNoSecretStaysToTheByte) {
  const Redactor redactor({.paths = {"form.card", "/order/card", "$.card.no"}}, {1, 2});
  std::mt19937 random(7);
  const std::string alphabet("{}[]\":,\\<>/=&-\r\n'ab1 ?!\xff\0\xc3", 26);
  const std::vector<std::string> types{"", "application/json", "application/x-www-form-urlencoded", "text/html",
                                       "multipart/form-data; boundary=a", "application/octet-stream", "image/png"};
  for (int i = 0; i < 20'000; ++i) {
    std::string body;
    for (std::size_t n = random() % 60; n > 0; --n) body += alphabet[random() % alphabet.size()];
    EXPECT_EQ(redactor.body(types[random() % types.size()], body), body);
  }
}

TEST(Multipart, EmitsPiecesThatMakeTheBodyAgain) {
  std::string body = "a preamble\r\n";
  for (int i = 0; i < 1'000; ++i) body += field("a", "b") + "--B\n";
  std::string again;
  const bool has_parts = for_each_part("multipart/form-data; boundary=B", body, [&](const Part& one) {
    ASSERT_TRUE(body.starts_with(again += one.before));
    ASSERT_TRUE(body.starts_with(again += one.content));
  });
  EXPECT_TRUE(has_parts);
  EXPECT_EQ(again, body);
  EXPECT_FALSE(for_each_part("multipart/form-data", "no parts", [](const Part&) { FAIL(); }));
}

// Hostile ones: each of these would take minutes where the work grows with the square.
TEST_F(BodyRedaction, TakesItsTimeInProportion) {
  const std::size_t n = 256 << 10;
  const std::string dashes(n / 2, '-');
  std::string many;
  for (std::size_t i = 0; i < n / 8; ++i) many += "<card a>";
  std::string keyed = "{\"" + std::string(n / 2, 'k') + "\":[";
  for (std::size_t i = 0; i < n / 4; ++i) keyed += "1,";
  std::string attributes = "<" + std::string(n / 2, 'k');
  for (std::size_t i = 0; i < n / 8; ++i) attributes += " a=1";
  std::string unended = "x";
  for (std::size_t i = 0; i < n / 8; ++i) unended += "<token>\n";
  std::string prefixed = "x";
  for (std::size_t i = 0; i < n / 16; ++i) prefixed += "<" + std::to_string(i).insert(0, "n") + ":token>a\n";
  std::string half = unended;
  for (std::size_t i = 0; i < n / 16; ++i) half += "</token>";
  std::string strings = "[";
  for (std::size_t i = 0; i < n / 4; ++i) strings += "\"<\",";
  std::string lines;
  for (std::size_t i = 0; i < n / 4; ++i) lines += "--B\n";
  for (const std::string& body :
       {attributes, unended, half, strings, lines, std::string(n, '['), std::string(n, '<'), std::string(n, '"'), std::string(n, '\\'),
        "\"" + std::string(n, '\\'), many, keyed, dashes + "\n" + dashes, "--" + std::string(n, '\n')}) {
    for (const char* type : {"application/json", "text/xml", "multipart/form-data; boundary=-"}) {
      EXPECT_LE(redactor_.body(type, body).size(), 2 * body.size());
    }
  }
  expect_gone(redactor_.body("text/plain", prefixed + "<token>hunter2"));
}

}  // namespace
}  // namespace shadowtap::results
