// What a recorder keeps while it waits, and what it writes at a bound.
#include "agent/recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/files/gor_reader.h"
#include "tests/support/recorder.h"

namespace shadowtap {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class RecordingFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "shadowtap-recording-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = (folder_ / "a.gor").string();
    auto writer = files::GorWriter::create({.path = path_});
    ASSERT_TRUE(writer);
    writer_ = std::move(*writer);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::vector<std::string> written() {
    EXPECT_TRUE(writer_->close());
    auto reader = files::GorReader::open(path_, {});
    testing::Recorder sink;
    while ((*reader)->step(sink)) {
    }
    return sink.lines();
  }

  std::string text() {
    EXPECT_TRUE(writer_->close());
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path folder_;
  std::string path_;
  std::unique_ptr<files::GorWriter> writer_;
};

http::Exchange request(http::ExchangeId id, std::size_t body = 0) {
  http::Exchange exchange;
  exchange.id = id;
  exchange.request.method = "POST";
  exchange.request.target = "/" + std::to_string(id);
  exchange.request.headers.append("Content-Length", std::to_string(body));
  exchange.request.body.bytes.assign(body, 'x');
  exchange.request.body.size = body;
  return exchange;
}

http::Exchange coded(http::ExchangeId id, const char* coding, const std::string& body) {
  http::Exchange exchange = request(id, body.size());
  exchange.request.headers.append("Content-Encoding", coding);
  exchange.request.body.bytes = body;
  return exchange;
}

http::Response answer() {
  http::Response response;
  response.status = 200;
  response.headers.append("Content-Length", "0");
  return response;
}

TEST_F(RecordingFile, TheOldestGoesWithoutAnAnswerWhenTooManyWait) {
  Recording recording(*writer_, nullptr, {.exchanges = 2});
  for (http::ExchangeId id = 1; id <= 3; ++id) recording.opened(request(id));
  for (http::ExchangeId id = 1; id <= 3; ++id) recording.completed(id, answer(), {}, {});
  EXPECT_EQ(recording.incomplete(), 1U);
  EXPECT_EQ(recording.shed(), 1U);
  EXPECT_THAT(written(), ElementsAre("POST /1 lost: no response recorded", "POST /2 -> 200 []",
                                     "POST /3 -> 200 []"));
}

TEST_F(RecordingFile, TheOldestGoesWhenTheyHoldTooMuch) {
  Recording recording(*writer_, nullptr, {.bytes = 10'000});
  recording.opened(request(1, 100));
  recording.opened(request(2, 9'000));
  EXPECT_EQ(recording.shed(), 0U);
  recording.opened(request(3, 9'000));
  EXPECT_EQ(recording.shed(), 2U);
  recording.opened(request(4, 20'000));  // alone beyond the bound: kept, since it is there already
  EXPECT_EQ(recording.shed(), 3U);
  recording.completed(4, answer(), {}, {});
  EXPECT_EQ(recording.incomplete(), 3U);
  EXPECT_EQ(written().size(), 4U);
}

TEST_F(RecordingFile, AnAnswerThatIsLostLeavesTheRequest) {
  Recording recording(*writer_, nullptr);
  recording.opened(request(7));
  recording.lost(7, http::OriginalLoss::kLost, "gap");
  recording.completed(7, answer(), {}, {});  // too late
  EXPECT_EQ(recording.incomplete(), 1U);
  EXPECT_EQ(recording.shed(), 0U);
  EXPECT_THAT(written(), ElementsAre("POST /7 lost: no response recorded"));
}

TEST_F(RecordingFile, WhatCannotBeDecodedIsNotWrittenAsItIs) {
  const results::Redactor redactor{results::RedactionOptions{}};
  Recording recording(*writer_, &redactor);
  http::ExchangeId id = 0;
  for (const char* coding : {"compress", "gzip"}) {  // one that nobody knows, one that it is not
    recording.opened(coded(++id, coding, "\x1f\x9dword=hunter2"));
    recording.completed(id, answer(), {}, {});
  }
  EXPECT_THAT(text(), AllOf(HasSubstr("POST /1"), HasSubstr("POST /2"), HasSubstr("(14 bytes that cannot be read)"),
                          Not(HasSubstr("hunter2"))));
}

TEST_F(RecordingFile, TextUnderACodingThatItIsNotInIsRedactedAsText) {
  const results::Redactor redactor{results::RedactionOptions{}};
  Recording recording(*writer_, &redactor);
  http::ExchangeId id = 0;
  for (const char* coding : {"aws-chunked", "utf-8", "none", "gzip", "deflate", "br", "zstd"}) {
    ++id;
    recording.opened(coded(id, coding, "{\"kept\":" + std::to_string(id) + ",\"token\":\"hunter2\"}"));
    recording.completed(id, answer(), {}, {});
  }
  recording.opened(coded(++id, "aws-chunked", "nothing secret"));
  recording.completed(id, answer(), {}, {});
  const std::string written = text();
  EXPECT_THAT(written, AllOf(Not(HasSubstr("hunter2")), Not(HasSubstr("cannot be read"))));
  for (int i = 1; i <= 7; ++i) {
    EXPECT_THAT(written, HasSubstr("{\"kept\":" + std::to_string(i) + ",\"token\":\"redacted:"));
  }
  EXPECT_THAT(written, HasSubstr("Content-Encoding: aws-chunked\r\n\r\nnothing secret"));
}

}  // namespace
}  // namespace shadowtap
