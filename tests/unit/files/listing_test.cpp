// The lines of `replay --list`, from a capture made of packets and from a recording.
#include "agent/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <algorithm>
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
  EXPECT_THAT(list(wire.packets, files::ListFormat::kText), ElementsAre("10.0.0.1:40000 - connection: tls\n"));
}

// Each with its client, so that one can go and look.
TEST_F(Listing, EveryLostOrSkippedThingHasALineOfItsOwn) {
  Wire tls(40001);
  tls.handshake().client("\x16\x03\x01junk");
  Wire tunnel(40002);
  tunnel.handshake().client("GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  tunnel.server("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  Wire late(40003);
  late.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  late.wait(std::chrono::seconds(2)).client("GET /a HTTP/1.1\r\n\r\n");
  late.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  late.client("GET /b HTTP/1.1\r\n\r\n");
  late.packets.pop_back();  // the acknowledgment
  late.packets.pop_back();  // /b
  late.client("GET /c HTTP/1.1\r\n\r\n");  // shows that /b was sent
  late.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  std::vector<testing::Packet> packets;
  for (const Wire* wire : {&tls, &tunnel, &late}) {
    packets.insert(packets.end(), wire->packets.begin(), wire->packets.end());
  }
  const auto lines = list(packets, files::ListFormat::kText);
  const auto has = [&lines](const char* line) { return std::count(lines.begin(), lines.end(), line); };
  EXPECT_EQ(has("10.0.0.1:40001 - connection: tls\n"), 1);
  EXPECT_EQ(has("10.0.0.1:40002 - connection: upgraded\n"), 1);
  EXPECT_EQ(has("10.0.0.1:40003 - connection: mid_stream\n"), 1);
  EXPECT_EQ(has("10.0.0.1:40003 - connection: resynchronised\n"), 1);
  EXPECT_EQ(has("10.0.0.1:40003 - response not paired: no request seen\n"), 2);  // and behind the gap
  EXPECT_EQ(has("10.0.0.1:40003 - 19 bytes of the client lost: gap.capture\n"), 1)
      << ::testing::PrintToString(lines);
}

// Where a frame stands in the file: behind the file's header, the frames before, its own header.
std::streamoff place_of_frame(const std::vector<testing::Packet>& packets, std::size_t n) {
  std::size_t place = 24 + 16;
  for (std::size_t i = 0; i < n; ++i) {
    place += 16 + testing::frame_of(packets[i], testing::all_links().front()).size();
  }
  return static_cast<std::streamoff>(place);
}

// Numbered as other tools number them.
TEST_F(Listing, APacketThatCannotBeReadIsNamedByItsPlace) {
  const std::string path = (folder_ / "odd.pcap").string();
  const auto packets = two_exchanges().packets;
  testing::write_capture(path, packets);
  // The fourth packet: its fragment offset set; the fifth: an IP header longer than it is.
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const std::streamoff ethernet = 14;
  file.seekp(place_of_frame(packets, 3) + ethernet + 7).put(8);
  file.seekp(place_of_frame(packets, 4) + ethernet).put(0x4f);
  file.close();
  std::vector<std::string> lines;
  ASSERT_TRUE(list_file({path, {80}, files::ListFormat::kText},
                        [&](std::string_view line) { lines.emplace_back(line); }));
  EXPECT_THAT(lines, ::testing::Contains("- packet 4: IP fragment\n"));
  EXPECT_THAT(lines, ::testing::Contains("- packet 5: malformed\n"));
}

TEST_F(Listing, ARecordThatGivesNothingIsNamedByItsPlace) {
  const std::string path = (folder_ / "odd.gor").string();
  const std::string separator = "\n🐵🙈🙉\n";
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  std::ofstream(path) << "1 aa 1 0\nGET /a HTTP/1.1\r\n\r\n" << separator << "2 aa 1 0\n" << ok
                      << separator << "3 aa 1 0\n" << ok << separator << "2 bb 1 0\n" << ok
                      << separator << "1 cc 1 0\njunk\r\n\r\n" << separator;
  std::vector<std::string> lines;
  ASSERT_TRUE(list_file({path, {}, files::ListFormat::kText},
                        [&](std::string_view line) { lines.emplace_back(line); }));
  EXPECT_THAT(lines, ElementsAre(HasSubstr("GET /a 200"), "- record 3: replayed response\n",
                                 "- record 4: response without a request\n",
                                 "- record 5: not readable\n"));
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
