#include "tests/bpf/program_run.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <net/if.h>

#include <numeric>

namespace shadowtap::testing {

using capture::HookPoint;
using capture::KernelObject;

namespace {

std::uint64_t named(const std::vector<std::pair<std::string, std::uint64_t>>& counts,
                    const std::string& reason) {
  for (const auto& [name, n] : counts)
    if (name == reason) return n;
  ADD_FAILURE() << "no counter " << reason;
  return 0;
}

}  // namespace

std::uint32_t run_program(int program, const std::string& frame, std::uint32_t ifindex,
                          int repeat, std::uint32_t mark) {
  __sk_buff context{};
  context.ifindex = ifindex;
  context.mark = mark;
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<std::uint32_t>(frame.size());
  options.ctx_in = &context;
  options.ctx_size_in = sizeof context;
  options.repeat = repeat;
  EXPECT_EQ(::bpf_prog_test_run_opts(program, &options), 0) << frame.size();
  EXPECT_EQ(static_cast<int>(options.retval), -1) << "not \"next\"";
  return options.duration;
}

void ProgramRun::SetUp() {
  RootTest::SetUp();
  if (IsSkipped()) return;
  enter_private_namespace();
  must_run("ip link add leaf0 type veth peer name leaf1");
  leaf_ = ::if_nametoindex("leaf0");
  other_leaf_ = ::if_nametoindex("leaf1");
  ASSERT_NE(leaf_, 0u);
  ASSERT_NE(other_leaf_, 0u);
  load();
}

void ProgramRun::load(capture::TapOptions options) {
  options.services = {{"other", {1}}, {"service", {kPort, 9}}};
  if (options.ring_bytes == capture::TapOptions().ring_bytes) options.ring_bytes = 1 << 20;
  auto kernel = KernelObject::load(options);
  ASSERT_TRUE(kernel) << kernel.error().message();
  kernel_ = std::move(*kernel);
  ASSERT_TRUE(kernel_->set_leaf(leaf_, true));
  ASSERT_TRUE(kernel_->set_leaf(other_leaf_, true));
  drain();  // the first heartbeat
}

void ProgramRun::pass(const Frame& frame, std::uint32_t ifindex) {
  const auto point = frame.destination.port == kPort ? HookPoint::kEgress : HookPoint::kIngress;
  run_program(kernel_->program(point, true), bytes_of(frame), ifindex ? ifindex : leaf_);
}

std::vector<Record> ProgramRun::drain() {
  std::vector<Record> records;
  kernel_->ring(0).drain(1 << 20, [&](const net::Segment& segment) {
    records.push_back({segment, std::string(segment.payload)});
  });
  return records;
}

std::vector<Record> ProgramRun::seen(const Frame& frame, std::uint32_t ifindex) {
  pass(frame, ifindex);
  return drain();
}

std::uint64_t ProgramRun::ignored(const std::string& reason) const {
  return named(kernel_->packets().ignored, reason);
}

std::uint64_t ProgramRun::lost(const std::string& reason) const {
  return named(kernel_->packets().lost, reason);
}

void ProgramRun::expect_exact_ledger() const {
  const auto counts = kernel_->packets();
  std::uint64_t sum = counts.delivered;
  for (const auto& [name, n] : counts.lost) sum += n;
  EXPECT_EQ(counts.matched, sum);
}

Frame reply(Frame frame) {
  std::swap(frame.source, frame.destination);
  std::swap(frame.sequence, frame.acknowledgment);
  return frame;
}

}  // namespace shadowtap::testing
