// The input as a .gor file.
#include <unistd.h>

#include <cstdint>
#include <string_view>

#include "agent/files/gor_reader.h"
#include "tests/fuzz/checked_sink.h"

using namespace shadowtap;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  char name[] = "/tmp/shadowtap-fuzz-XXXXXX";
  const int fd = ::mkstemp(name);
  fuzz::require(fd >= 0);
  fuzz::require(::write(fd, data, size) == static_cast<ssize_t>(size));
  ::close(fd);
  files::GorReaderOptions options;
  options.max_open = 4;
  options.max_record_bytes = 1 << 20;
  fuzz::CheckedSink sink;
  auto reader = files::GorReader::open(name, options);
  ::unlink(name);
  fuzz::require(reader.has_value());
  std::size_t steps = 0;
  while ((*reader)->step(sink)) fuzz::require(++steps <= size + 1);
  fuzz::require(sink.nothing_open());
  return 0;
}
