#include "diff/json_document.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>

#include "tests/unit/diff/model.h"

namespace shadowtap::diff {
namespace {

constexpr std::uint64_t kMany = 10'000'000;

JsonParsed parsed(const std::string& text) {
  JsonDocument document;
  return document.parse(text, kMany);
}

TEST(JsonDocument, AcceptsWhatRfc8259Accepts) {
  for (const char* text :
       {"0", "-0", "-1.5e+10", "1E5", "null", " true ", "\"\"", "[]", "{}", "[1,[2,{}]]",
        "{\"a\":{\"b\":[]}}", "\"\\u00e9\\n\"", "\"\\ud83d\\ude00\"", "\"\\ud800\"",
        "\t[\r\n1 ,2 ]\n", "{\"\":0}", "1e999999", "123456789012345678901234567890"}) {
    EXPECT_EQ(parsed(text), JsonParsed::kDocument) << text;
  }
}

TEST(JsonDocument, RefusesWhatRfc8259Refuses) {
  for (const char* text :
       {"", " ", "01", "-", "1.", ".5", "1e", "+1", "NaN", "Infinity", "tru", "truex", "nul",
        "\"", "\"a", "'a'", "\"\\x\"", "\"\\u12\"", "\"\n\"", "\"\x01\"", "[", "]", "[1,]", "[,1]",
        "[1 2]", "[1", "{", "}", "{a:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\" 1}",
        "[1}", "{\"a\":1]", "1 2", "[]]", "{}x", "\"a\"b", "1\"a\"", "[[[[", "/**/1", "\xff",
        "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xe2\x82\""}) {
    EXPECT_EQ(parsed(text), JsonParsed::kNotJson) << text;
  }
}

TEST(JsonDocument, UnescapesStringsAndKeys) {
  JsonDocument d;
  const std::string text = R"({"k\u0065y":"a\"\\\/\b\f\n\r\t\u20ac\ud83d\ude00"})";
  ASSERT_EQ(d.parse(text, kMany), JsonParsed::kDocument);
  EXPECT_EQ(d.key(1), "key");
  EXPECT_EQ(d.string(1), "a\"\\/\b\f\n\r\t€😀");
}

TEST(JsonDocument, MarksDuplicateKeysHoweverManyMembersThereAre) {
  for (const int size : {2, 8, 31, 32, 33, 200}) {
    std::string unique = "{";
    for (int i = 0; i < size; ++i) {
      unique += (i > 0 ? ",\"" : "\"") + std::string("key") + std::to_string(i) + "\":{}";
    }
    JsonDocument d;
    const std::string without = unique + "}";
    ASSERT_EQ(d.parse(without, kMany), JsonParsed::kDocument);
    EXPECT_FALSE(d[0].duplicates) << size;
    const std::string with = unique + ",\"k\\u0065y0\":1}";
    ASSERT_EQ(d.parse(with, kMany), JsonParsed::kDocument);
    EXPECT_TRUE(d[0].duplicates) << size;
  }
}

TEST(JsonDocument, SaysWhenThereAreMoreNodesThanAllowed) {
  JsonDocument d;
  EXPECT_EQ(d.parse("[1,2,3]", 4), JsonParsed::kDocument);
  EXPECT_EQ(d.parse("[1,2,3]", 3), JsonParsed::kTooLarge);
}

TEST(JsonDocument, ReadsSequences) {
  JsonDocument d;
  ASSERT_EQ(d.parse_sequence("{\"a\":1}\n[2]\n\n3 ", kMany), JsonParsed::kDocument);
  EXPECT_EQ(d[0].count, 3u);
  EXPECT_EQ(d[0].end, d.size());
  ASSERT_EQ(d.parse_sequence("\n", kMany), JsonParsed::kDocument);
  EXPECT_EQ(d[0].count, 0u);
  EXPECT_EQ(d.parse_sequence("{}\n{", kMany), JsonParsed::kNotJson);
}

Value from_dom(simdjson::dom::element element) {
  Value value;
  using Type = simdjson::dom::element_type;
  switch (element.type()) {
    case Type::NULL_VALUE: break;
    case Type::BOOL:
      value.type = bool(element) ? JsonType::kTrue : JsonType::kFalse;
      break;
    case Type::STRING:
      value.type = JsonType::kString;
      value.text = std::string_view(element);
      break;
    case Type::ARRAY:
      value.type = JsonType::kArray;
      for (auto e : simdjson::dom::array(element)) value.elements.push_back(from_dom(e));
      break;
    case Type::OBJECT:
      value.type = JsonType::kObject;
      for (auto m : simdjson::dom::object(element)) {
        value.members[std::string(m.key)] = from_dom(m.value);
      }
      break;
    default:
      value.type = JsonType::kNumber;
      value.text = simdjson::minify(element);
      break;
  }
  return value;
}

// simdjson's own second stage is the judge: same texts refused, same values read, but
// for the numbers and lone surrogates that it cannot hold.
TEST(JsonDocument, ReadsWhatSimdjsonReads) {
  std::mt19937 random(7);
  simdjson::dom::parser judge;
  int both = 0;
  for (int round = 0; round < 20'000 && !HasFailure(); ++round) {
    std::string text = to_text(random_value(random, 4), &random);
    for (auto edits = random() % 3; edits > 0 && !text.empty(); --edits) {
      static constexpr std::string_view kBytes = "{}[]:,\"\\ 0123456789eE+-.tfnul\nud8\xc3\xa9";
      text[random() % text.size()] = kBytes[random() % kBytes.size()];
    }
    const simdjson::padded_string padded(text);
    simdjson::dom::element root;
    const auto error = judge.parse(padded).get(root);
    JsonDocument document;
    const bool read = document.parse(text, kMany) == JsonParsed::kDocument;
    if (error == simdjson::SUCCESS) {
      ASSERT_TRUE(read) << text;
      ASSERT_TRUE(from_document(document, 0) == from_dom(root)) << text;
      ++both;
    } else if (read) {
      EXPECT_TRUE(error == simdjson::NUMBER_ERROR ||
                  error == simdjson::STRING_ERROR) << text << error;
    }
  }
  EXPECT_GT(both, 5'000);
}

}  // namespace
}  // namespace shadowtap::diff
