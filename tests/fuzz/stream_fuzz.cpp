// Segments of a few connections with everything in them chosen by the input: per segment
// {control, flags, sequence low, sequence high, acknowledgment low, size} and payload.
#include <cstdint>
#include <string_view>

#include "agent/assembly.h"
#include "tests/fuzz/checked_sink.h"

using namespace shadowtap;

namespace {

constexpr std::size_t kHeader = 6;

AssemblyOptions small_bounds() {
  AssemblyOptions options;
  options.first_exchange = 1;
  options.stream.max_connections = 4;
  options.stream.max_total_bytes = 64 << 10;
  options.stream.held = {4096, 16};
  options.conversation.max_held = 4096;
  options.conversation.max_pending = 8;
  options.parser.max_head_bytes = 2048;
  options.parser.max_header_lines = 32;
  options.parser.max_body_bytes = 512;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::CheckedSink sink;
  sink.needs_rest = size % 2 == 0;
  Assembly assembly(small_bounds(), sink, [](const net::FlowVerdict&) {});
  Time now{std::chrono::seconds(1)};
  while (size >= kHeader) {
    net::Segment s;
    s.flow.client = Endpoint::v4(1, 2, 3, 4, static_cast<std::uint16_t>(1000 + (data[0] & 7)));
    s.flow.server = Endpoint::v4(5, 6, 7, 8, 80);
    s.direction = (data[0] & 8) != 0 ? net::Direction::kToClient : net::Direction::kToServer;
    now += std::chrono::milliseconds((data[0] & 0x10) != 0 ? 700 : 1);
    s.flags = data[1];
    s.sequence = 0xffffff00U + data[2] + (data[3] & 0x0fU) * 256U;
    if (data[3] >= 0xf0) s.sequence += 0x40000000U * (data[3] & 3U);
    s.acknowledgment = 0xffffff00U + data[4] + (data[3] >> 4) * 256U;
    const std::size_t n = data[5] < size - kHeader ? data[5] : size - kHeader;
    s.payload = {reinterpret_cast<const char*>(data) + kHeader, n};
    s.payload_size = static_cast<std::uint32_t>(n) + ((data[0] & 0x20) != 0 ? 3 : 0);
    s.time = now;
    data += kHeader + n;
    size -= kHeader + n;
    assembly.segment(s);
    if ((data[-1] & 1) != 0) assembly.tick(now);
    fuzz::require(assembly.connections() <= 4);
    fuzz::require(assembly.held_bytes() <= (64U << 10));
  }
  assembly.flush(now);
  fuzz::require(assembly.held_bytes() == 0 && assembly.connections() == 0);
  fuzz::require(sink.nothing_open());
  return 0;
}
