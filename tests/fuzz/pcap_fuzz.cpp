// The input as one frame of every link type, and as a capture file.
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/assembly.h"
#include "agent/files/capture_file.h"
#include "agent/files/packet.h"
#include "tests/fuzz/checked_sink.h"

using namespace shadowtap;

namespace {

void read_frame(std::string_view bytes) {
  for (const int link : {0, 1, 12, 108, 113, 228, 229, 276, 999}) {
    files::TcpPacket packet;
    const auto decoded =
        files::decode_packet(link, bytes, static_cast<std::uint32_t>(bytes.size()), packet);
    if (decoded != files::Decoded::kTcp) continue;
    fuzz::require(packet.payload.size() <= packet.payload_size);
    fuzz::require(packet.payload.size() <= bytes.size());
  }
}

void read_file(std::string_view bytes) {
  char name[] = "/tmp/shadowtap-fuzz-XXXXXX";
  const int fd = ::mkstemp(name);
  fuzz::require(fd >= 0);
  fuzz::require(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  ::close(fd);
  fuzz::CheckedSink sink;
  Assembly assembly({}, sink);
  if (auto file = files::CaptureFile::open(name, {{80, 8080}})) {
    net::Segment segment;
    while ((*file)->next(segment) == files::CaptureFile::Read::kSegment) assembly.segment(segment);
  }
  ::unlink(name);
  assembly.flush({});
  fuzz::require(sink.nothing_open());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_frame(bytes);
  read_file(bytes);
  return 0;
}
