// Capture file -> exchanges, on one core: small exchanges a second, bulk body bytes a
// second, and what open connections cost in memory. CPU time of this thread, not the
// clock's, so that a busy host does not change the figures.
#include <malloc.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "agent/assembly.h"
#include "agent/files/capture_file.h"
#include "tests/support/frames.h"
#include "tests/support/wire.h"

namespace shadowtap::testing {
namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

class Counting final : public http::ExchangeSink {
 public:
  void opened(http::Exchange) override {}
  void completed(http::ExchangeId, http::Response r, Time, Time) override {
    ++complete;
    bytes += r.body.size;
  }
  void lost(http::ExchangeId, http::OriginalLoss, const char*) override {}
  std::uint64_t complete = 0;
  std::uint64_t bytes = 0;
};

const std::string kRequest =
    "GET /api/orders/1234567 HTTP/1.1\r\nHost: orders.example.com\r\n"
    "User-Agent: curl/7.88.1\r\nAccept: application/json\r\nX-Request-Id: 0123456789abcdef\r\n\r\n";

std::string response(std::size_t body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: nginx\r\n"
         "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: " +
         std::to_string(body) + "\r\n\r\n" + std::string(body, 'x');
}

std::vector<Packet> traffic(std::size_t connections, std::size_t exchanges, std::size_t body,
                            std::size_t mss) {
  std::vector<Wire> wires;
  for (std::size_t i = 0; i < connections; ++i) {
    wires.emplace_back(static_cast<std::uint16_t>(10000 + i));
    wires.back().acks = false;
    wires.back().mss = mss;
    wires.back().handshake();
  }
  const std::string answer = response(body);
  std::vector<Packet> packets;
  for (std::size_t i = 0; i < exchanges; ++i) {
    for (Wire& wire : wires) {
      wire.client(kRequest).server(answer);
      for (Packet& packet : wire.packets) packets.push_back(std::move(packet));
      wire.packets.clear();
    }
  }
  return packets;
}

void measure(const char* name, const std::string& path, std::size_t repeats) {
  double best = 1e9;
  Counting sink;
  for (std::size_t i = 0; i < repeats; ++i) {
    sink = Counting();
    auto file = files::CaptureFile::open(path, {{80}});
    if (!file) std::abort();
    Assembly assembly({}, sink);
    net::Segment segment;
    const double begun = cpu_seconds();
    while ((*file)->next(segment) == files::CaptureFile::Read::kSegment) assembly.segment(segment);
    assembly.flush(segment.time);
    best = std::min(best, cpu_seconds() - begun);
  }
  std::printf("%-34s %9.0f exchanges/s  %6.2f us each  %6.2f GB/s of bodies\n", name,
              static_cast<double>(sink.complete) / best,
              best * 1e6 / static_cast<double>(sink.complete),
              static_cast<double>(sink.bytes) / best * 1e-9);
}

std::size_t heap() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

void measure_memory(std::size_t connections) {
  Counting sink;
  Assembly assembly({}, sink);
  const std::string answer = response(1000);
  const std::size_t before = heap();
  std::size_t open = 0;
  for (std::size_t i = 0; i < connections; ++i) {
    Wire wire(static_cast<std::uint16_t>(1024 + i % 60000));
    wire.flow.client.address[13] = static_cast<std::uint8_t>(i / 60000);
    wire.acks = false;
    wire.handshake().client(kRequest).server(answer);
    for (const Packet& packet : wire.packets) assembly.segment(packet.segment());
  }
  const std::size_t idle = heap() - before;
  for (std::size_t i = 0; i < connections; ++i) {  // every one in the middle of an exchange
    Wire wire(static_cast<std::uint16_t>(1024 + i % 60000));
    wire.flow.client.address[13] = static_cast<std::uint8_t>(i / 60000);
    wire.acks = false;
    wire.handshake().client(kRequest).server(answer);
    const std::size_t seen = wire.packets.size();
    wire.client(kRequest).server(answer.substr(0, 600));
    for (std::size_t k = seen; k < wire.packets.size(); ++k) {
      assembly.segment(wire.packets[k].segment());
      ++open;
    }
  }
  std::printf("%zu connections: idle %.1f MiB (%zu B each), amid an answer %.1f MiB\n",
              connections, static_cast<double>(idle) / 1048576.0, idle / connections,
              static_cast<double>(heap() - before) / 1048576.0);
  assembly.flush({});
}

}  // namespace
}  // namespace shadowtap::testing

// An argument chooses the cases whose names contain it, without those of memory.
int main(int argc, char** argv) {
  using namespace shadowtap::testing;
  const auto folder = std::filesystem::temp_directory_path();
  const std::string path = (folder / ("line_bench." + std::to_string(::getpid()))).string();
  const struct {
    const char* name;
    std::size_t connections, exchanges, body, mss;
  } cases[] = {
      {"small, 100 B answers", 200, 1000, 100, 1448},
      {"64 KiB bodies, 1448 B segments", 8, 200, 65536, 1448},
      {"1 MiB bodies, 1448 B segments", 4, 40, 1 << 20, 1448},
      {"1 MiB bodies, 32 KiB segments", 4, 40, 1 << 20, 32768},
  };
  const std::string chosen = argc > 1 ? argv[1] : "";
  for (const auto& c : cases) {
    if (std::string_view(c.name).find(chosen) == std::string_view::npos) continue;
    write_capture(path, traffic(c.connections, c.exchanges, c.body, c.mss));
    measure(c.name, path, 5);
  }
  std::filesystem::remove(path);
  if (argc > 1) return 0;
  measure_memory(10'000);
  measure_memory(100'000);
}
