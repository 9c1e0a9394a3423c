// The lines of `replay --list`, from a capture made of packets and from a recording.
#include "agent/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/frames.h"
#include "tests/support/wire.h"

namespace shadowtap {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::Wire;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// SHA-256 of "ab" and of nothing, from sha256sum.
constexpr const char* kHashAb = "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603";
constexpr const char* kHashEmpty =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

class Listing : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "shadowtap-list-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::vector<std::string> list(const std::vector<testing::Packet>& packets,
                                files::ListFormat format, testing::Link link = {}) {
    const std::string path = (folder_ / "a.pcap").string();
    testing::write_capture(path, packets, link);
    std::vector<std::string> lines;
    const auto done = list_file({path, {80}, format},
                                [&](std::string_view line) { lines.emplace_back(line); });
    EXPECT_TRUE(done);
    return lines;
  }

  fs::path folder_;
};

Wire two_exchanges() {
  Wire wire;
  wire.handshake();
  wire.client("POST /a?b HTTP/1.1\r\nContent-Length: 2\r\n\r\nab");
  wire.server("HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n");
  wire.client("GET /c HTTP/1.0\r\n\r\n");
  return wire;
}

TEST_F(Listing, JsonLinesCarryTheContractsFields) {
  const auto lines = list(two_exchanges().packets, files::ListFormat::kJson);
  ASSERT_EQ(lines.size(), 2U);
  const json::object first = json::parse(lines[0]).as_object();
  EXPECT_EQ(first.at("client"), "10.0.0.1:40000");
  EXPECT_EQ(first.at("method"), "POST");
  EXPECT_EQ(first.at("uri"), "/a?b");
  EXPECT_EQ(first.at("version"), "HTTP/1.1");
  EXPECT_EQ(first.at("status"), 201);
  EXPECT_EQ(first.at("request_body_bytes"), 2);
  EXPECT_EQ(first.at("response_body_bytes"), 0);
  EXPECT_EQ(first.at("complete"), true);
  EXPECT_EQ(first.at("request_body_sha256"), kHashAb);
  EXPECT_EQ(first.at("response_body_sha256"), kHashEmpty);
  EXPECT_DOUBLE_EQ(first.at("first_byte_ms").as_double(), 2.0);
  const json::object second = json::parse(lines[1]).as_object();
  EXPECT_EQ(second.at("complete"), false);
  EXPECT_EQ(second.at("reason"), "end of input");
  EXPECT_TRUE(second.at("status").is_null());
}

TEST_F(Listing, TextSaysWhereARequestIs) {
  EXPECT_THAT(list(two_exchanges().packets, files::ListFormat::kText),
              ElementsAre("10.0.0.1:40000 POST /a?b 201 request=2B response=0B first=2.000ms "
                          "last=2.000ms\n",
                          "10.0.0.1:40000 GET /c - request=0B lost: end of input\n"));
}

// Offload makes frames far larger than any MTU.
TEST_F(Listing, FramesOf64KiBAreReadWhole) {
  Wire wire;
  wire.mss = 65000;
  wire.handshake().client("GET /a HTTP/1.1\r\n\r\n");
  wire.server("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + std::string(200'000, 'x'));
  const auto lines = list(wire.packets, files::ListFormat::kJson);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(json::parse(lines[0]).as_object().at("response_body_bytes"), 200'000);
}

TEST_F(Listing, WhatIsNoExchangeHasALineToo) {
  Wire wire;
  wire.handshake().client("\x16\x03\x01junk");
  EXPECT_THAT(list(wire.packets, files::ListFormat::kText), ElementsAre("- 1 connections: tls\n"));
}

TEST_F(Listing, EveryJsonLineHasTheContractsKeys) {
  Wire wire;
  wire.server("HTTP/1.1 200 OK\r\n\r\n");  // joined too late for its request
  wire.client("GET /a HTTP/1.1\r\n\r\n").client("GET /b c HTTP/1.1\r\n\r\n");
  const auto lines = list(wire.packets, files::ListFormat::kJson);
  ASSERT_GE(lines.size(), 3U);
  for (const std::string& text : lines) {
    const json::object line = json::parse(text).as_object();
    for (const char* key : {"client", "method", "uri", "version", "status", "request_body_bytes",
                            "response_body_bytes", "complete", "request_body_sha256",
                            "response_body_sha256"}) {
      EXPECT_TRUE(line.contains(key)) << key << " in " << text;
    }
    EXPECT_FALSE(line.at("complete").as_bool());
    EXPECT_TRUE(line.contains("reason")) << text;
  }
}

TEST_F(Listing, EveryLinkLayerGivesTheSame) {
  const auto packets = two_exchanges().packets;
  const auto plain = list(packets, files::ListFormat::kJson);
  for (const testing::Link& link : testing::all_links()) {
    EXPECT_EQ(list(packets, files::ListFormat::kJson, link), plain) << link.name;
  }
}

TEST_F(Listing, ARecordingIsListedAsWell) {
  const std::string path = (folder_ / "a.gor").string();
  std::ofstream(path) << "1 aa 1 0\nGET /a HTTP/1.1\r\n\r\n\n🐵🙈🙉\n";
  std::vector<std::string> lines;
  ASSERT_TRUE(list_file({path, {}, files::ListFormat::kText},
                        [&](std::string_view line) { lines.emplace_back(line); }));
  EXPECT_THAT(lines, ElementsAre(HasSubstr("GET /a - request=0B lost: no response recorded")));
}

TEST_F(Listing, WhatIsNoCaptureSaysSo) {
  const std::string path = (folder_ / "a.pcap").string();
  std::ofstream(path) << "this is not a capture";
  const auto done = list_file({path, {80}, files::ListFormat::kText}, [](std::string_view) {});
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr(path));
}

}  // namespace
}  // namespace shadowtap
