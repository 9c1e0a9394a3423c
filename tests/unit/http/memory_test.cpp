// What connections cost while nothing happens on them.
#include <gtest/gtest.h>
#include <malloc.h>

#include "tests/support/recorder.h"
#include "tests/support/wire.h"

namespace shadowtap::testing {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kOwnAllocator = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kOwnAllocator = true;
#else
constexpr bool kOwnAllocator = false;
#endif
#else
constexpr bool kOwnAllocator = false;
#endif

class Forgetful final : public http::ExchangeSink {
 public:
  void opened(http::Exchange) override {}
  void completed(http::ExchangeId, http::Response, Time, Time) override { ++complete; }
  void lost(http::ExchangeId, http::OriginalLoss, const char*) override {}
  std::size_t complete = 0;
};

std::size_t heap() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(Memory, AHundredThousandIdleConnectionsStayUnder80MiB) {
  if (kOwnAllocator) GTEST_SKIP() << "a sanitizer's allocator does not say what it holds";
  constexpr std::size_t kConnections = 100'000;
  Forgetful sink;
  Assembly assembly({}, sink);
  const std::size_t before = heap();
  for (std::size_t i = 0; i < kConnections; ++i) {
    Wire wire(static_cast<std::uint16_t>(1024 + i % 50'000));
    wire.flow.client.address[13] = static_cast<std::uint8_t>(i / 50'000);
    wire.acks = false;
    wire.handshake().client("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    wire.server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    for (const Packet& packet : wire.packets) assembly.segment(packet.segment());
  }
  ASSERT_EQ(sink.complete, kConnections);
  ASSERT_EQ(assembly.connections(), kConnections);
  EXPECT_EQ(assembly.held_bytes(), 0U);
  const std::size_t used = heap() - before;
  std::printf("%zu bytes a connection\n", used / kConnections);
  EXPECT_LT(used, 80U << 20);
}

TEST(ParserPool, KeepsMoreOfBodiesFromTheNextMessageOn) {
  http::ParserPool pool({.max_body_bytes = 10});
  auto reading = pool.take();
  pool.give(pool.take());
  pool.keep_bodies_up_to(20);
  pool.give(std::move(reading));
  EXPECT_EQ(pool.take()->options().max_body_bytes, 20U);
  pool.keep_bodies_up_to(15);
  EXPECT_EQ(pool.take()->options().max_body_bytes, 20U);
}

}  // namespace
}  // namespace shadowtap::testing
