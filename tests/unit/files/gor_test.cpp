#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/files/gor_reader.h"
#include "agent/files/gor_writer.h"
#include "tests/support/model.h"
#include "tests/support/recorder.h"

namespace shadowtap::files {
namespace {

using ::testing::ElementsAre;
using testing::Recorder;
namespace fs = std::filesystem;

class GorFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "shadowtap-gor-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string contents(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  static std::unique_ptr<GorReader> read(const std::string& path, Recorder& sink) {
    auto reader = GorReader::open(path, {});
    EXPECT_TRUE(reader);
    while (reader.value()->step(sink)) {
    }
    return std::move(reader.value());
  }
  std::vector<std::string> lines_of(const std::string& text) {
    std::ofstream(path("in.gor"), std::ios::binary) << text;
    Recorder sink;
    read(path("in.gor"), sink);
    return sink.lines();
  }

  fs::path folder_;
};

http::Exchange recorded(std::uint64_t id, const std::string& target) {
  http::Exchange e;
  e.id = id;
  e.request.method = "POST";
  e.request.target = target;
  e.request.headers.append("Host", "h");
  e.request.headers.append("Content-Length", "2");
  e.request.body = {"ab", 2, {}};
  e.request_first = e.request_last = Time(Duration(1'000'000'000));
  e.original.emplace();
  e.original->status = 200;
  e.original->reason = "OK";
  e.original->chunked = true;
  e.original->headers.append("Transfer-Encoding", "chunked");
  e.original->trailers.append("X-Sum", "1");
  e.original->body = {"answer", 6, {}};
  e.response_first = Time(Duration(1'002'000'000));
  e.response_last = Time(Duration(1'005'000'000));
  return e;
}

TEST_F(GorFile, LooksAsGoReplayWritesIt) {
  auto writer = GorWriter::create({path("a.gor"), 0, false, {}});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer.value()->write(recorded(0x10, "/a")));
  ASSERT_TRUE(writer.value()->close());
  EXPECT_EQ(contents(path("a.gor")),
            "1 000000000000000000000010 1000000000 0\n"
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab\n🐵🙈🙉\n"
            "2 000000000000000000000010 1002000000 3000000\n"
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            "6\r\nanswer\r\n0\r\nX-Sum: 1\r\n\r\n\n🐵🙈🙉\n");
}

TEST_F(GorFile, WhatIsWrittenIsReadAgain) {
  for (const char* name : {"a.gor", "a.gor.gz"}) {
    auto writer = GorWriter::create({path(name), 0, false, {}});
    ASSERT_TRUE(writer);
    for (std::uint64_t i = 0; i < 2000; ++i) {
      ASSERT_TRUE(writer.value()->write(recorded(i, "/" + std::to_string(i))));
    }
    ASSERT_TRUE(writer.value()->close());
    Recorder sink;
    const auto reader = read(path(name), sink);
    EXPECT_EQ(sink.complete(), 2000U);
    EXPECT_EQ(reader->damage(), "");
    const http::Exchange& first = sink.seen.begin()->second.exchange;
    EXPECT_EQ(first.request.target, "/0");
    EXPECT_EQ(first.original->body.bytes, "answer");
    EXPECT_EQ(first.original->trailers.find("X-Sum"), "1");
    EXPECT_EQ(first.response_first - first.request_last, std::chrono::milliseconds(2));
    EXPECT_EQ(first.response_last - first.response_first, std::chrono::milliseconds(3));
  }
  EXPECT_LT(fs::file_size(path("a.gor.gz")), fs::file_size(path("a.gor")) / 5);
}

TEST_F(GorFile, RotatesBySize) {
  auto writer = GorWriter::create({path("a.gor.gz"), 700, false, {}});
  ASSERT_TRUE(writer);
  for (std::uint64_t i = 0; i < 9; ++i) ASSERT_TRUE(writer.value()->write(recorded(i, "/x")));
  ASSERT_TRUE(writer.value()->close());
  std::size_t total = 0;
  for (int i = 0; i < 3; ++i) {
    Recorder sink;
    read(path("a_" + std::to_string(i) + ".gor.gz"), sink);
    total += sink.complete();
  }
  EXPECT_EQ(total, 9U);
  EXPECT_FALSE(fs::exists(path("a.gor.gz")));
}

TEST_F(GorFile, SecretsGetAFileForTheirOwnerOnly) {
  std::ofstream(path("a.gor")) << "old";
  ASSERT_TRUE(GorWriter::create({path("a.gor"), 0, true, {}}));
  struct stat status{};
  ASSERT_EQ(::stat(path("a.gor").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(GorFile, ACutBodyIsLeftOutAndCounted) {
  auto writer = GorWriter::create({path("a.gor"), 0, false, {}});
  http::Exchange e = recorded(1, "/a");
  e.original->body.size = 100;
  ASSERT_TRUE(writer.value()->write(e));
  EXPECT_EQ(writer.value()->left_out(), 1U);
}

TEST_F(GorFile, AMessageThatContainsTheSeparatorIsLeftOutAndCounted) {
  const std::string separator(kGorSeparator);
  const std::string injected = separator + "1 aa 1 0\nGET /admin HTTP/1.1\r\n\r\n";
  const std::string overlapping = "x" + separator.substr(0, separator.size() - 1);
  auto writer = GorWriter::create({path("a.gor"), 0, false, {}});
  ASSERT_TRUE(writer);
  for (const std::string& body : {injected, overlapping}) {
    http::Exchange asked = recorded(1, "/asked");
    asked.request.body = {body, body.size(), {}};
    ASSERT_TRUE(writer.value()->write(asked));
    http::Exchange answered = recorded(2, "/answered");
    answered.original->chunked = false;
    answered.original->body = {body, body.size(), {}};
    ASSERT_TRUE(writer.value()->write(answered));
  }
  ASSERT_TRUE(writer.value()->write(recorded(3, "/kept")));
  ASSERT_TRUE(writer.value()->close());
  EXPECT_EQ(writer.value()->left_out(), 4U);
  EXPECT_EQ(writer.value()->exchanges(), 1U);
  Recorder sink;
  read(path("a.gor"), sink);
  EXPECT_THAT(sink.lines(), ElementsAre("POST /kept {ab} -> 200 [answer]"));
}

TEST_F(GorFile, NoSuchFolderSaysSo) {
  const auto writer = GorWriter::create({path("no/such/a.gor"), 0, false, {}});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().message(), "create " + path("no/such/a.gor") + ": No such file or directory");
  EXPECT_FALSE(GorReader::open(path("absent.gor"), {}));
}

const std::string kEnd(kGorSeparator);

TEST_F(GorFile, AnswersMayComeBeforeOtherRequestsAndInAnyOrder) {
  EXPECT_THAT(lines_of("1 aa 1 0\nGET /a HTTP/1.1\r\n\r\n" + kEnd +
                       "1 bb 2 0\nHEAD /b HTTP/1.1\r\n\r\n" + kEnd +
                       "3 aa 9 0\nHTTP/1.1 500 No\r\n\r\n" + kEnd +
                       "2 bb 3 0\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + kEnd +
                       "2 aa 3 0\nHTTP/1.1 200 OK\r\n\r\nto the end" + kEnd),
              ElementsAre("GET /a -> 200 [to the end]", "HEAD /b -> 200 []"));
}

TEST_F(GorFile, OldMetaAndLineFeedsAreRead) {
  EXPECT_THAT(lines_of("1 932079936fa4306fc308d67588178d17d823647c 1439818823587396305\n"
                       "GET /a HTTP/1.1\r\n\r\n" + kEnd),
              ElementsAre("GET /a lost: no response recorded"));
}

TEST_F(GorFile, ASeparatorInsideABodyIsBody) {
  const std::string body = "x" + kEnd + "y";
  EXPECT_THAT(lines_of("1 aa 1 0\nPOST /a HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) +
                       "\r\n\r\n" + body + kEnd + "2 aa 1 0\nHTTP/1.1 204 N\r\n\r\n" + kEnd),
              ElementsAre("POST /a {" + body + "} -> 204 []"));
}

TEST_F(GorFile, ASeparatorInsideABodyWithoutALengthIsBody) {
  const std::string body = "x" + kEnd + "y";
  EXPECT_THAT(lines_of("1 aa 1 0\nGET /a HTTP/1.1\r\n\r\n" + kEnd +
                       "2 aa 1 0\nHTTP/1.1 200 OK\r\n\r\n" + body + kEnd +
                       "1 bb 1 0\nGET /b HTTP/1.1\r\n\r\n" + kEnd +
                       "2 bb 1 0\nHTTP/1.1 200 OK\r\n\r\n" + body),
              ElementsAre("GET /a -> 200 [" + body + "]", "GET /b -> 200 [" + body + "]"));
}

TEST_F(GorFile, DamagedRecordsCostThemselvesOnly) {
  EXPECT_THAT(lines_of("junk" + kEnd +
                       "1 aa 1 0\nnot http" + kEnd +
                       "1 ab 1 0\nPOST /cut HTTP/1.1\r\nContent-Length: 99\r\n\r\nab" + kEnd +
                       "2 zz 1 0\nHTTP/1.1 200 OK\r\n\r\n" + kEnd +
                       "2 cc 1 0\nHTTP/1.1 200 OK\r\n\r\n" + kEnd +
                       "1 cc 1 0\nGET /good HTTP/1.1\r\n\r\n" + kEnd +
                       "2 cc 1 0\nHTTP/1.1 200 OK\r\n\r\nfine"),
              ElementsAre("GET /good -> 200 [fine]"));
}

}  // namespace
}  // namespace shadowtap::files
