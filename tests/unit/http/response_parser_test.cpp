#include "agent/http/response_parser.h"

#include <gtest/gtest.h>

namespace shadowtap::http {
namespace {

using State = ResponseParser::State;

struct Case {
  const char* name;
  const char* method;
  const char* bytes;
  State state;         // after finish()
  const char* body;    // or the error
  bool reusable;
  std::size_t left;    // bytes not used
};

const Case kCases[] = {
    {"counted", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", State::kComplete, "ab", true, 0},
    {"bytes left over", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabXYZ", State::kComplete, "ab", true, 3},
    {"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", State::kComplete, "ab", true, 0},
    {"chunked and a tab", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n2\r\nab\r\n0\r\n\r\n", State::kComplete, "ab", true, 0},
    {"chunked on the last line", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\nTransfer-Encoding: gzip ,\tChunked\t,\r\n\r\n2\r\nab\r\n0\r\n\r\n", State::kComplete, "ab", true, 0},
    {"chunked before the last line", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\nab", State::kComplete, "ab", false, 0},
    {"identity, then gzip", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nab", State::kComplete, "ab", false, 0},
    {"until close", "GET", "HTTP/1.1 200 OK\r\n\r\nab", State::kComplete, "ab", false, 0},
    {"asks to close", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", State::kComplete, "a", false, 0},
    {"1.0 without keep-alive", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", State::kComplete, "a", false, 0},
    {"1.0 with keep-alive", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", State::kComplete, "a", true, 0},
    {"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", State::kComplete, "", true, 0},
    {"interim first", "GET", "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 204 N\r\n\r\n", State::kComplete, "", true, 0},
    {"tunnel", "CONNECT", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nxx", State::kComplete, "", false, 2},
    {"cut", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", State::kProtocolError, "early end", false, 0},
    {"nothing", "GET", "", State::kProtocolError, "closed without an answer", false, 0},
    {"not http", "GET", "SSH-2.0", State::kProtocolError, "not http", false, 7},
};

TEST(ResponseParser, ReadsInOnePieceAndByteByByte) {
  for (const Case& c : kCases) {
    const std::string_view bytes = c.bytes;
    for (const std::size_t step : {bytes.size() + 1, std::size_t{1}}) {
      ResponseParser parser;
      parser.start(c.method);
      std::size_t used = 0;
      while (used < bytes.size() && parser.state() == State::kNeedsMore) {
        used += parser.feed(bytes.substr(used, step)).consumed;
      }
      ASSERT_EQ(parser.finish(), c.state) << c.name;
      EXPECT_EQ(parser.begun(), !bytes.empty()) << c.name;
      if (c.state == State::kProtocolError) {
        EXPECT_STREQ(parser.error(), c.body) << c.name;
        continue;
      }
      EXPECT_EQ(bytes.size() - used, c.left) << c.name;
      EXPECT_EQ(parser.reusable(), c.reusable) << c.name;
      EXPECT_EQ(parser.take().body.bytes, c.body) << c.name;
    }
  }
}

TEST(ResponseParser, IsReadyForTheNextAnswer) {
  ResponseParser parser;
  for (const char* body : {"ab", "cd"}) {
    parser.start("GET");
    ASSERT_EQ(parser.feed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").state, State::kNeedsMore);
    EXPECT_TRUE(parser.final_begun());
    ASSERT_EQ(parser.feed(body).state, State::kComplete);
    EXPECT_EQ(parser.take().body.bytes, body);
  }
}

TEST(ResponseParser, ABodyPastItsBoundIsCountedAndHashedOn) {
  ParserOptions options;
  options.max_body_bytes = 3;
  for (const std::size_t step : {100U, 1U}) {
    ResponseParser parser(options);
    parser.start("GET");
    std::string_view bytes = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef";
    for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(step, bytes.size()))) {
      (void)parser.feed(bytes.substr(0, step));
    }
    ASSERT_EQ(parser.state(), State::kComplete);
    const Response response = parser.take();
    EXPECT_EQ(response.body.bytes, "abc");
    EXPECT_EQ(response.body.size, 6U);
    ASSERT_TRUE(response.body.sha256);
    EXPECT_EQ((*response.body.sha256)[0], 0xbe);  // sha256sum of abcdef: bef57ec7…
    EXPECT_EQ((*response.body.sha256)[1], 0xf5);
  }
}

TEST(ResponseParser, HeadsAndInterimAnswersAreBounded) {
  ParserOptions options;
  options.max_head_bytes = 100;
  options.max_header_lines = 3;
  options.max_interim_responses = 2;
  const struct {
    std::string bytes;
    const char* error;
  } cases[] = {
      {"HTTP/1.1 200 OK\r\nA: " + std::string(200, 'x'), "head too large"},
      {"HTTP/1.1 200 OK\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n", "too many header lines"},
      {"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\n", "too many interim responses"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + std::string(400, 'x') + "\r\n\r\n",
       "head too large"},
  };
  for (const auto& c : cases) {
    ResponseParser parser(options);
    parser.start("GET");
    for (const char byte : c.bytes) (void)parser.feed({&byte, 1});
    EXPECT_STREQ(parser.error(), c.error);
  }
}

}  // namespace
}  // namespace shadowtap::http
