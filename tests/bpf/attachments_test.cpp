// The list of what we are attached to, brought in line step by step: no waiting, and a
// clock of the test's own.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "agent/base/log.h"
#include "agent/capture/attachments.h"
#include "agent/capture/qdisc.h"
#include "tests/bpf/private_namespace.h"

namespace shadowtap::testing {
namespace {

using capture::HookPoint;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr std::uint32_t kTheirHandle = 7;

// Somebody else's filter at one hook: lets everything pass.
class Theirs {
 public:
  Theirs(std::uint32_t ifindex, bpf_tc_attach_point point, std::uint32_t priority)
      : ifindex_(static_cast<int>(ifindex)), point_(point), priority_(priority) {
    bpf_insn code[2] = {};
    code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    code[0].imm = -1;  // "next"
    code[1].code = BPF_JMP | BPF_EXIT;
    program_.reset(::bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "other", "GPL", code, 2, nullptr));
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex_, .attach_point = point_);
    LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = program_.get(), .handle = kTheirHandle,
                .priority = priority_);
    EXPECT_EQ(::bpf_tc_attach(&hook, &filter), 0);
  }
  ~Theirs() {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex_, .attach_point = point_);
    LIBBPF_OPTS(bpf_tc_opts, filter, .handle = kTheirHandle, .priority = priority_);
    EXPECT_EQ(::bpf_tc_detach(&hook, &filter), 0) << "somebody removed theirs";
  }
  Theirs(const Theirs&) = delete;
  Theirs& operator=(const Theirs&) = delete;

 private:
  UniqueFd program_;
  int ifindex_;
  bpf_tc_attach_point point_;
  std::uint32_t priority_;
};

// What is logged while it lives.
class Log {
 public:
  Log() {
    spdlog::default_logger()->sinks().push_back(
        std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
  }
  ~Log() { spdlog::default_logger()->sinks().pop_back(); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  std::size_t lines_with(const std::string& what) const {
    const std::string text = text_.str();
    std::size_t n = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
    return n;
  }

 private:
  std::ostringstream text_;
};

class Watching : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped()) return;
    enter_private_namespace();
    capture::TapOptions options;
    options.services = {{"service", {8080}}};
    options.ring_bytes = 1 << 20;
    auto kernel = capture::KernelObject::load(options);
    ASSERT_TRUE(kernel) << kernel.error().message();
    kernel_ = std::move(*kernel);
    attachments_ = std::make_unique<capture::Attachments>(*kernel_, options, false);
  }

  void reconcile(std::size_t most = 8) {
    const auto interfaces = capture::list_interfaces();
    ASSERT_TRUE(interfaces) << interfaces.error().message();
    static_cast<void>(attachments_->reconcile(*interfaces, most, now_).has_value());
  }

  std::vector<std::string> watched() const {
    std::vector<std::string> names;
    for (const auto& at : attachments_->list()) names.push_back(at.interface);
    return names;
  }

  // A veth that is up; its other end, which is not, is nobody's concern.
  static std::uint32_t add_interface(const std::string& name) {
    must_run("ip link add " + name + " type veth peer name p" + name);
    must_run("ip link set " + name + " up");
    return ::if_nametoindex(name.c_str());
  }
  // Refuses clsact.
  static void add_refusing(const std::string& name) {
    add_interface(name);
    must_run("tc qdisc add dev " + name + " ingress");
  }

  static void expect_no_qdisc(const std::string& name) {
    must_run("! tc qdisc show dev " + name + " | grep -q clsact");
  }

  std::unique_ptr<capture::KernelObject> kernel_;
  std::unique_ptr<capture::Attachments> attachments_;
  Time now_{std::chrono::hours(1)};
};

TEST_F(Watching, KnowsItsOwnQdiscBehindANeighbour) {
  const std::uint32_t lo = 1;
  reconcile();
  {
    const Theirs theirs(lo, BPF_TC_INGRESS, capture::kFilterPriority);
    attachments_->verify();
    const auto filters = capture::filters_of(lo).value();
    ASSERT_EQ(filters.size(), 2U);
    EXPECT_TRUE(capture::is_ours(filters[0])) << "back at the head";
  }
  attachments_->detach();
  expect_no_qdisc("lo");
}

TEST_F(Watching, KnowsItsOwnQdiscWhereOneFilterWasTaken) {
  const std::uint32_t v0 = add_interface("v0");
  reconcile();
  {
    const Theirs theirs(v0, BPF_TC_INGRESS, 2);
    must_run("tc filter del dev v0 egress");
    attachments_->verify();
    reconcile();
    EXPECT_EQ(capture::filters_of(v0).value().size(), 3U);
  }
  attachments_->detach();
  expect_no_qdisc("v0");
}

TEST_F(Watching, LeavesAQdiscThatOthersUse) {
  reconcile();
  const Theirs theirs(1, BPF_TC_EGRESS, 5);
  attachments_->detach();
  must_run("tc qdisc show dev lo | grep -q clsact");
}

TEST_F(Watching, WhatRefusesStarvesNobody) {
  for (const char* name : {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"}) add_refusing(name);
  add_interface("good");
  reconcile(2);
  EXPECT_THAT(watched(), IsSupersetOf({"lo", "good"}));
  EXPECT_FALSE(attachments_->unfinished());
}

TEST_F(Watching, WhatRefusesIsSaidOnceAndTriedAgainLater) {
  add_refusing("r0");
  const Log log;
  for (int i = 0; i < 6; ++i, now_ += seconds(31)) reconcile();  // the pause has grown to 30 s
  EXPECT_EQ(log.lines_with("cannot watch r0"), 1U);
  must_run("tc qdisc del dev r0 ingress");
  now_ -= seconds(2);
  reconcile();
  EXPECT_THAT(watched(), Not(Contains("r0"))) << "it is left alone";
  now_ += seconds(2);
  reconcile();
  EXPECT_THAT(watched(), Contains("r0"));
}

TEST_F(Watching, WhatRefusesLeavesNothingInTheMap) {
  add_refusing("r0");
  std::uint32_t next = 1'000'000;
  while (kernel_->set_leaf(next, false)) ASSERT_LT(++next, 1'100'000U);
  for (const std::uint32_t room_for : {1U, 2U}) kernel_->forget_interface(next - room_for);
  reconcile();  // lo takes one
  EXPECT_THAT(watched(), Contains("lo"));
  EXPECT_TRUE(kernel_->set_leaf(next, false));
  EXPECT_FALSE(kernel_->set_leaf(next + 1, false)) << "full";
}

}  // namespace
}  // namespace shadowtap::testing
