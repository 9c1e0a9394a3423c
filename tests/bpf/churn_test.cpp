// A node where pods come and go by the hundred while its service is under load: every
// interface is watched, the service's exchanges are captured all the while, and nothing
// is left behind – no link, no file, no memory.

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tests/bpf/collected.h"
#include "tests/bpf/private_namespace.h"
#include "tests/bpf/sockets.h"

namespace shadowtap::testing {
namespace {

constexpr std::uint16_t kPort = 8080;
constexpr std::size_t kPairs = 120;  // 240 interfaces, 480 hooks
constexpr int kRounds = 2;

std::ptrdiff_t open_files() {
  namespace fs = std::filesystem;
  return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator{});
}

// Programs of ours by id, and how many links anybody has to them.
// Those that this process holds: other tests load the same ones meanwhile (proc(5), fdinfo).
std::vector<std::uint32_t> our_programs() {
  std::vector<std::uint32_t> ours;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream lines(entry.path());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("prog_id:")) ours.push_back(static_cast<std::uint32_t>(std::stoul(line.substr(8))));
    }
  }
  return ours;
}

std::size_t links_to(const std::vector<std::uint32_t>& programs) {
  std::size_t links = 0;
  for (std::uint32_t id = 0; ::bpf_link_get_next_id(id, &id) == 0;) {
    const UniqueFd fd(::bpf_link_get_fd_by_id(id));
    bpf_link_info info{};
    std::uint32_t size = sizeof info;
    if (!fd || ::bpf_obj_get_info_by_fd(fd.get(), &info, &size)) continue;
    links += std::ranges::find(programs, info.prog_id) != programs.end();
  }
  return links;
}

std::size_t heap_in_use() { return ::mallinfo2().uordblks; }

void batch(const std::string& line) {
  must_run("for i in $(seq " + std::to_string(kPairs) + "); do " + line + "; done | ip -batch -");
}

class Churn : public RootTest, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped()) return;
    enter_private_namespace();
    capture::TapOptions options;
    options.services = {{"service", {kPort}}};
    options.ring_bytes = 16 << 20;
    options.force_clsact = GetParam();
    auto tap = capture::Tap::load(options);
    ASSERT_TRUE(tap) << tap.error().message();
    tap_ = std::move(*tap);
    programs_ = our_programs();  // no link yet, whose line would be the same
    ASSERT_GE(programs_.size(), 4u);
    tap_->ring(0).drain(1, [](const net::Segment&) {});
    ASSERT_TRUE(tap_->attach());
  }

  // Pods come, are followed and go.
  void round(std::size_t before) {
    batch("echo link add c$i up type veth peer name d$i; echo link set d$i up");
    // A bounded number of interfaces at a time, so that the caller's thread stays alive.
    for (int i = 0; i < 100 && tap_->attachments().size() < before + 4 * kPairs; ++i)
      tap_->follow();
    EXPECT_EQ(tap_->attachments().size(), before + 4 * kPairs);
    batch("echo link del c$i");
    tap_->follow();
    EXPECT_EQ(tap_->attachments().size(), before);
  }

  std::unique_ptr<capture::Tap> tap_;
  std::vector<std::uint32_t> programs_;
};

INSTANTIATE_TEST_SUITE_P(Mechanism, Churn, ::testing::Values(false, true),
                         [](const auto& test) { return test.param ? "clsact" : "tcx"; });

// Exchanges over lo until told to stop. Returns the bytes sent to the server.
std::size_t load(const std::atomic<bool>& over) {
  std::size_t sent = 0;
  Listener listener("127.0.0.1", kPort);
  while (!over) {
    Peer client = connect_to("127.0.0.1", kPort);
    Peer server = listener.accepts();
    for (int i = 0; i < 20; ++i, sent += 100) {
      client.sends(std::string(100, 'q'));
      server.receives(100);
      server.sends(std::string(1000, 'a'));
      client.receives(1000);
    }
    ::usleep(2000);
  }
  return sent;
}

// As a shard does it. Returns the bytes seen on their way to the server.
std::size_t drain(capture::Ring& ring, const std::atomic<bool>& over) {
  std::size_t seen = 0;
  const auto take = [&seen](const net::Segment& segment) {
    if (segment.direction == net::Direction::kToServer) seen += segment.payload_size;
  };
  while (!over) {
    ring.drain(1 << 16, take);
    ::usleep(1000);
  }
  while (ring.drain(1 << 16, take) > 0) continue;
  return seen;
}

TEST_P(Churn, OfHundredsOfInterfacesUnderLoadLeaksNothing) {
  const auto before = tap_->attachments().size();
  const auto links = links_to(programs_);
  round(before);  // the first one makes what is kept: buffers, tables
  const auto files = open_files();
  const auto heap = heap_in_use();

  tap_->ring(0).drain(1, [](const net::Segment&) {});  // the heartbeat, before the load
  std::atomic<bool> load_over = false, drain_over = false;
  std::size_t sent = 0, seen = 0;
  std::thread drainer([&] { seen = drain(tap_->ring(0), drain_over); });
  std::thread loader([&] { sent = load(load_over); });
  for (int i = 0; i < kRounds; ++i) round(before);
  load_over = true;
  loader.join();
  drain_over = true;
  drainer.join();

  EXPECT_EQ(open_files(), files);
  EXPECT_EQ(links_to(programs_), links);
  EXPECT_LT(heap_in_use(), heap + (64 << 10));
  const auto counts = tap_->packets();
  EXPECT_EQ(counts.matched, counts.delivered) << "nothing was lost meanwhile";
  EXPECT_GT(sent, 0u);
  EXPECT_EQ(seen, sent);
  tap_.reset();
  EXPECT_EQ(links_to(programs_), 0u);
}

}  // namespace
}  // namespace shadowtap::testing
