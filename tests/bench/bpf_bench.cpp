// What the kernel side costs a packet, in ns above an empty program in the same process:
// BPF_PROG_RUN for what fits a page, the kernel's own run time statistics on lo for
// 64 KiB. Prints a table with the marks; exit 1 if one is missed.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <thread>

#include "agent/capture/hook.h"
#include "agent/capture/kernel_object.h"
#include "tests/bpf/frame.h"
#include "tests/bpf/program_run.h"
#include "tests/bpf/sockets.h"

namespace shadowtap::testing {
namespace {

using capture::HookPoint;
using capture::KernelObject;

constexpr int kRounds = 9;
constexpr int kRepeat = 5000;
constexpr std::uint16_t kPort = 8080;

template <class T>
T median(std::vector<T> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

int empty_program() {
  const bpf_insn next[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = -1},
                           {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  return ::bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "empty", "GPL", next, std::size(next), nullptr);
}

std::unique_ptr<KernelObject> load() {
  capture::TapOptions options;
  options.services = {{"service", {kPort}}};
  options.ring_bytes = 16 << 20;
  auto kernel = KernelObject::load(options);
  if (!kernel) {
    fmt::print(stderr, "{}\n", kernel.error().message());
    std::exit(1);
  }
  return std::move(*kernel);
}

bool report(const char* what, double ns, double mark) {
  fmt::print("{:<34} {:>8.0f} ns  mark {:>6.0f}  {}\n", what, ns, mark, ns <= mark ? "ok" : "MISSED");
  return ns <= mark;
}

struct Bench {
  std::unique_ptr<KernelObject> kernel = load();
  int empty = empty_program();
  std::uint32_t leaf = ::if_nametoindex("leaf0");

  // Median over rounds of (program − empty), interleaved.
  double above_empty(const Frame& frame, HookPoint point, bool alive = true) {
    const std::string bytes = bytes_of(frame);
    std::vector<double> rounds;
    for (int i = 0; i < kRounds; ++i) {
      const double base = run_program(empty, bytes, leaf, kRepeat);
      if (alive) drain();
      rounds.push_back(run_program(kernel->program(point, true), bytes, leaf, kRepeat) - base);
      if (alive) drain();
    }
    return median(rounds);
  }

  std::size_t drain() {
    return kernel->ring(0).drain(1 << 20, [](const net::Segment&) {});
  }
};

double thread_cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Drains ready records and looks at each payload's first and last byte.
double drain_ns_a_record(Bench& bench, const Frame& frame) {
  std::vector<double> rounds;
  for (int i = 0; i < kRounds; ++i) {
    run_program(bench.kernel->program(HookPoint::kEgress, true), bytes_of(frame), bench.leaf, kRepeat);
    const double before = thread_cpu_ns();
    unsigned sum = 0;
    const std::size_t records = bench.kernel->ring(0).drain(1 << 20, [&](const net::Segment& segment) {
      sum += static_cast<unsigned char>(segment.payload.front() ^ segment.payload.back());
    });
    rounds.push_back((thread_cpu_ns() - before) / static_cast<double>(records) + (sum == 1 ? 1 : 0));
  }
  return median(rounds);
}

struct Ran {
  double ns = 0, runs = 0;
};

Ran statistics(int program) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  ::bpf_obj_get_info_by_fd(program, &info, &size);
  return {static_cast<double>(info.run_time_ns), static_cast<double>(info.run_cnt)};
}

// ns per run of a program on lo's ingress while 64 KiB writes cross it.
struct Live {
  double ns_a_run = 0;
  double runs = 0;
};

Live over_lo(int program, std::uint16_t port, Listener& listener, const std::function<void()>& drain) {
  auto hook = capture::Hook::attach_tcx(1, HookPoint::kIngress, program);
  if (!hook) hook = capture::Hook::attach_clsact(1, HookPoint::kIngress, program);
  const Ran before = statistics(program);
  Peer client = connect_to("127.0.0.1", port);
  Peer server = listener.accepts();
  const std::string block(65483, 'x');  // the most that lo carries as one packet
  for (int i = 0; i < 400; ++i) {
    client.sends(block);
    server.receives(block.size());
    drain();
  }
  const Ran after = statistics(program);
  return {(after.ns - before.ns) / (after.runs - before.runs), after.runs - before.runs};
}

bool bench_64k(Bench& bench, double ack_ns) {
  const int on = ::bpf_enable_stats(BPF_STATS_RUN_TIME);
  Listener listener("127.0.0.1", kPort);
  std::vector<double> rounds;
  for (int i = 0; i < 5; ++i) {
    const Live empty = over_lo(bench.empty, kPort, listener, [] {});
    bench.drain();
    const auto before = bench.kernel->packets().delivered;
    const Live ours = over_lo(bench.kernel->program(HookPoint::kIngress, true), kPort, listener,
                              [&] { bench.drain(); });
    const auto delivered = static_cast<double>(bench.kernel->packets().delivered - before);
    const double acks = ours.runs - delivered;
    rounds.push_back(((ours.ns_a_run - empty.ns_a_run) * ours.runs - acks * ack_ns) / delivered);
  }
  ::close(on);
  return report("64 KiB, live on lo", median(rounds), 11'000);
}

// From a client's send to the drained record, by an agent that sleeps on its ring: what a
// lone request waits. The 99th percentile of 500, one each few milliseconds.
bool bench_lone_request(Bench& bench) {
  auto hook = capture::Hook::attach_tcx(1, HookPoint::kIngress, bench.kernel->program(HookPoint::kIngress, true));
  if (!hook) hook = capture::Hook::attach_clsact(1, HookPoint::kIngress, bench.kernel->program(HookPoint::kIngress, true));
  Listener listener("127.0.0.1", kPort);
  Peer client = connect_to("127.0.0.1", kPort);
  Peer server = listener.accepts();
  capture::MappedRing& ring = bench.kernel->ring(0);
  std::vector<double> waits;
  for (int i = 0; i < 500; ++i) {
    while (bench.drain() || !ring.arm()) {}
    Time sent{};
    std::jthread sender([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      sent = std::chrono::steady_clock::now();
      client.sends("a lone request");
    });
    pollfd waiting{ring.descriptor(), POLLIN, 0};
    ::poll(&waiting, 1, 1000);
    ring.disarm();
    while (bench.drain() == 0) {}
    const Time got = std::chrono::steady_clock::now();
    sender.join();
    server.receives(14);
    waits.push_back(static_cast<double>((got - sent) / std::chrono::nanoseconds(1)));
  }
  std::sort(waits.begin(), waits.end());
  return report("a lone request's wait, p99", waits[waits.size() * 99 / 100], 5'000'000);
}

int run() {
  if (::unshare(CLONE_NEWNET)) {
    fmt::print(stderr, "needs root\n");
    return 1;
  }
  must_run("ip link set lo up; ip link add leaf0 type veth peer name leaf1");
  Bench bench;
  static_cast<void>(bench.kernel->set_leaf(bench.leaf, true).has_value());
  const auto egress = HookPoint::kEgress;
  Frame other;
  other.destination.port = 8081;
  other.payload = std::string(200, 'x');
  Frame request;
  request.payload = std::string(200, 'x');
  Frame big = request;
  big.payload = std::string(1400, 'x');

  fmt::print("ns above an empty program, median of {} (BPF_PROG_RUN, repeat {})\n", kRounds, kRepeat);
  bool ok = true;
  double dead = 0;
  {
    // Nobody ever drained: the program is disabled, as it is 5 s after its agent died.
    dead = bench.above_empty(request, egress, false);
    ok &= report("agent dead", dead, 15);
  }
  bench.drain();
  ok &= report("ignored port", bench.above_empty(other, egress), 25);
  bench.above_empty(request, egress);  // the flow is known now
  Frame ack = reply(request);
  ack.payload.clear();
  ack.acknowledgment = request.sequence + 200;
  const double ack_ns = bench.above_empty(ack, HookPoint::kIngress);
  ok &= report("pure ACK, not delivered", ack_ns, 70);
  ok &= report("200 B copied", bench.above_empty(request, egress), 450);
  ok &= report("1.4 KiB copied", bench.above_empty(big, egress), 800);
  ok &= report("drained, a record of 200 B", drain_ns_a_record(bench, request), 300);
  ok &= bench_64k(bench, ack_ns);
  ok &= bench_lone_request(bench);
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace shadowtap::testing

int main() { return shadowtap::testing::run(); }
