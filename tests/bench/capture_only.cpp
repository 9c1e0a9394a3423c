// The kernel side and a drained ring, and nothing behind: what capture alone costs a host.
// Taps a port until SIGTERM, then prints its ledger and CPU. Drains as a shard does.
//   capture_only PORT

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "agent/base/courtesy.h"
#include "agent/capture/tap.h"

namespace {

using shadowtap::Time;
using shadowtap::capture::Tap;
using namespace std::chrono_literals;

volatile sig_atomic_t stopped = 0;

void drain_until_stopped(Tap& tap) {
  auto& ring = tap.ring(0);
  unsigned sum = 0;
  Time last{};
  while (!stopped) {
    const Time now = std::chrono::steady_clock::now();
    const std::size_t passed = ring.drain(4096, [&](const shadowtap::net::Segment& segment) {
      if (!segment.payload.empty()) sum += static_cast<unsigned char>(segment.payload.back());
    });
    if (passed > 0) last = now;
    if (now - last < 4ms) {
      ::usleep(1000);
      continue;
    }
    if (!ring.arm()) continue;
    pollfd waiting{ring.descriptor(), POLLIN, 0};
    ::poll(&waiting, 1, 100);
    ring.disarm();
  }
  if (sum == 1) fmt::print("\n");  // so that the payload is read
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int run(std::uint16_t port) {
  shadowtap::capture::TapOptions options;
  options.services = {{"service", {port}}};
  auto tap = Tap::load(options);
  const auto attached = tap ? (*tap)->attach() : shadowtap::Result<>(tap.error());
  if (!attached) {
    fmt::print(stderr, "{}\n", attached.error().message());
    return 1;
  }
  fmt::print("ready\n");
  std::fflush(stdout);
  const double before = cpu_seconds();
  drain_until_stopped(**tap);
  std::uint64_t lost = 0;
  const auto counts = (*tap)->packets();
  for (const auto& [reason, n] : counts.lost) lost += n;
  fmt::print("matched {} delivered {} lost {} cpu {:.3f}\n", counts.matched, counts.delivered, lost,
             cpu_seconds() - before);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGTERM, [](int) { stopped = 1; });
  shadowtap::let_others_finish();
  return argc == 2 ? run(static_cast<std::uint16_t>(std::atoi(argv[1]))) : 2;
}
