// The real tap in front of the real assembly: of a long body that nobody needs little is
// copied, its exchange is complete all the same, and the next one pairs.

#include <gmock/gmock.h>

#include "agent/assembly.h"
#include "agent/capture/tap.h"
#include "tests/bpf/private_namespace.h"
#include "tests/bpf/sockets.h"
#include "tests/support/recorder.h"

namespace shadowtap::testing {
namespace {

constexpr std::size_t kStep = 64 << 10;  // fits a socket's buffer
constexpr std::size_t kBody = 256 * kStep;

class LongBodies : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped()) return;
    enter_private_namespace();
    listener_ = std::make_unique<Listener>("127.0.0.1", 0);
    capture::TapOptions options;
    options.services = {{"service", {listener_->port()}}};
    options.ring_bytes = 4 << 20;
    auto tap = capture::Tap::load(options);
    ASSERT_TRUE(tap) << tap.error().message();
    tap_ = std::move(*tap);
    AssemblyOptions assembling;
    assembling.first_exchange = 1;
    assembly_ = std::make_unique<Assembly>(
        assembling, sink_, [this](const net::FlowVerdict& verdict) { tap_->ring(0).skip(verdict); });
    drain();  // the first heartbeat
    ASSERT_TRUE(tap_->attach());
  }

  void drain() {
    tap_->ring(0).drain(1 << 20, [this](const net::Segment& segment) {
      copied_ += segment.payload.size();
      assembly_->segment(segment);
    });
  }

  void moves(Peer& from, Peer& to, std::string_view bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kStep))) {
      const std::string_view step = bytes.substr(0, kStep);
      from.sends(step);
      ASSERT_EQ(to.receives(step.size()).size(), step.size());
      drain();
    }
  }

  // One long body and a short exchange behind it, on the same connection.
  void play(const std::string& request, const std::string& response) {
    Peer client = connect_to("127.0.0.1", listener_->port());
    Peer server = listener_->accepts();
    moves(client, server, request);
    moves(server, client, response);
    EXPECT_EQ(sink_.complete(), 1U) << "not told of the last byte until more came";
    moves(client, server, "GET /next HTTP/1.1\r\n\r\n");
    moves(server, client, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");
    ASSERT_EQ(sink_.complete(), 2U);
    EXPECT_EQ(sink_.seen.at(2).exchange.request.target, "/next");
    EXPECT_EQ(sink_.seen.at(2).exchange.original->body.bytes, "next");
    EXPECT_EQ(assembly_->stream_counters().gaps.value(stream::GapCause::kCapture), 0U);
  }

  Recorder sink_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<capture::Tap> tap_;
  std::unique_ptr<Assembly> assembly_;
  std::size_t copied_ = 0;
};

const std::string kLength = "Content-Length: " + std::to_string(kBody) + "\r\n\r\n";
const std::string kBytes(kBody, 'x');

TEST_F(LongBodies, ADownloadThatNobodyComparesIsNotCopied) {
  sink_.needs_rest = false;
  play("GET /long HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n" + kLength + kBytes);
  EXPECT_EQ(sink_.seen.at(1).exchange.original->body.size, kBody);
  EXPECT_LT(copied_, 2U << 20) << "the kept limit is 1 MiB";
}

TEST_F(LongBodies, AnUploadThatIsNotSentIsNotCopied) {
  sink_.needs_rest = false;
  play("POST /long HTTP/1.1\r\n" + kLength + kBytes,
       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(sink_.seen.at(1).exchange.request.body.size, kBody);
  EXPECT_LT(copied_, 2U << 20);
}

TEST_F(LongBodies, ADownloadThatIsComparedIsCopiedWholeAndHashed) {
  play("GET /long HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n" + kLength + kBytes);
  EXPECT_EQ(sink_.seen.at(1).exchange.original->body.sha256, http::sha256(kBytes));
  EXPECT_GT(copied_, kBody);
}

}  // namespace
}  // namespace shadowtap::testing
