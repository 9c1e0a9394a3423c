// Where we attach, beside whom, and what is left afterwards.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/capture/chain.h"
#include "agent/capture/leftovers.h"
#include "agent/capture/qdisc.h"
#include "tests/bpf/collected.h"
#include "tests/bpf/node.h"
#include "tests/bpf/private_namespace.h"

namespace shadowtap::testing {
namespace {

using capture::HookPoint;
using capture::Mechanism;
using ::testing::Contains;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr std::uint16_t kPort = 8080;
constexpr std::int32_t kVerdictOk = 0, kVerdictNext = -1;

capture::TapOptions options_for(bool clsact) {
  capture::TapOptions options;
  options.services = {{"service", {kPort}}};
  options.ring_bytes = 1 << 20;
  options.verify_every = Duration::zero();
  options.force_clsact = clsact;
  return options;
}

std::unique_ptr<capture::Tap> load(const capture::TapOptions& options) {
  auto tap = capture::Tap::load(options);
  EXPECT_TRUE(tap) << tap.error().message();
  Collected(**tap).drain();  // the first heartbeat
  return std::move(*tap);
}

// Somebody else's program: returns one verdict for everything.
UniqueFd other_program(const char* name, std::int32_t verdict) {
  bpf_insn code[2] = {};
  code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  code[0].imm = verdict;
  code[1].code = BPF_JMP | BPF_EXIT;
  return UniqueFd(::bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, name, "GPL", code, 2, nullptr));
}

class Attach : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped()) return;
    enter_private_namespace();
    must_run("ip link add v0 type veth peer name v1");
    must_run("ip link set v0 up");
    must_run("ip link set v1 up");
    v0_ = ::if_nametoindex("v0");
  }

  std::string exchange_on_lo(capture::Tap& tap) {
    Listener listener("127.0.0.1", kPort);
    Peer client = connect_to("127.0.0.1", kPort);
    Peer server = listener.accepts();
    client.sends("hello");
    server.receives(5);
    Collected seen(tap);
    seen.drain();
    return seen.stream(net::Direction::kToServer);
  }

  std::uint32_t v0_ = 0;
};

TEST_F(Attach, TcxGoesToTheHeadAndLeavesNothing) {
  const UniqueFd other = other_program("other", kVerdictOk);
  auto theirs = capture::Hook::attach_tcx(1, HookPoint::kIngress, other.get());
  if (!theirs) GTEST_SKIP() << "no TCX here";
  auto tap = load(options_for(false));
  ASSERT_TRUE(tap->attach());
  const auto chain = capture::chain_of(1, HookPoint::kIngress).value();
  ASSERT_THAT(chain, SizeIs(2));
  EXPECT_TRUE(chain[0].ours);
  EXPECT_EQ(chain[1].program, "other");
  EXPECT_EQ(exchange_on_lo(*tap), "hello") << "though the other one ends the chain";
  tap.reset();
  EXPECT_THAT(capture::chain_of(1, HookPoint::kIngress).value(), SizeIs(1));
}

TEST_F(Attach, ClsactRunsBeforeOthersAndLeavesThemAlone) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = 1, .attach_point = BPF_TC_INGRESS);
  ASSERT_EQ(::bpf_tc_hook_create(&hook), 0);
  const UniqueFd other = other_program("other", kVerdictOk);
  LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = other.get(), .handle = 7, .priority = 2);
  ASSERT_EQ(::bpf_tc_attach(&hook, &filter), 0);

  auto tap = load(options_for(true));
  ASSERT_TRUE(tap->attach());
  EXPECT_THAT(capture::filters_of(1).value(), SizeIs(2));
  EXPECT_EQ(exchange_on_lo(*tap), "hello");
  tap->detach();
  const auto left = capture::filters_of(1).value();
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0].handle, 7u);
}

TEST_F(Attach, AddedLaterOthersDoNotHideTheTraffic) {
  for (const bool clsact : {false, true}) {
    auto tap = load(options_for(clsact));
    ASSERT_TRUE(tap->attach());
    const UniqueFd other = other_program("other", kVerdictNext);
    auto before = capture::Hook::attach_tcx(1, HookPoint::kIngress, other.get());
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = 1, .attach_point = BPF_TC_INGRESS);
    ::bpf_tc_hook_create(&hook);
    LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = other.get(), .handle = 7, .priority = 1);
    ASSERT_EQ(::bpf_tc_attach(&hook, &filter), 0);
    EXPECT_EQ(exchange_on_lo(*tap), "hello");
    tap->detach();
    EXPECT_THAT(capture::filters_of(1).value(), SizeIs(1)) << "a qdisc that others use stays";
    must_run("tc qdisc del dev lo clsact");
  }
}

TEST_F(Attach, RefusesToStartWhereAllTrafficWouldBeHidden) {
  const UniqueFd cilium = other_program("cil_from_host", kVerdictOk);
  auto first = capture::Hook::attach_tcx(v0_, HookPoint::kIngress, cilium.get());
  if (!first) GTEST_SKIP() << "no TCX here";
  auto second = capture::Hook::attach_tcx(v0_, HookPoint::kEgress, cilium.get());
  auto options = options_for(true);
  options.interfaces = {{"v0"}};
  auto tap = load(options);
  const auto attached = tap->attach();
  ASSERT_FALSE(attached);
  EXPECT_THAT(attached.error().message(), ::testing::HasSubstr("hide all traffic"));
  EXPECT_THAT(capture::filters_of(v0_).value(), IsEmpty());
}

TEST_F(Attach, ComesBackWhenOthersRemoveTheQdisc) {
  auto tap = load(options_for(true));
  ASSERT_TRUE(tap->attach());
  must_run("tc qdisc del dev lo clsact");
  EXPECT_EQ(exchange_on_lo(*tap), "");
  for (int i = 0; i < 100 && capture::filters_of(1).value().empty(); ++i) {
    ::usleep(100'000);
    tap->follow();
  }
  Collected(*tap).drain();  // the heartbeat
  EXPECT_EQ(exchange_on_lo(*tap), "hello");
}

TEST_F(Attach, LeavesTheQdiscAloneThatTookThePlaceOfOurs) {
  auto tap = load(options_for(true));
  ASSERT_TRUE(tap->attach());
  must_run("tc qdisc del dev lo clsact && tc qdisc add dev lo clsact");
  tap->detach();
  must_run("tc qdisc show dev lo | grep -q clsact");
}

// Whose ingress takes filters for egress, in the same place as those for ingress.
TEST_F(Attach, LeavesAnIngressQdiscAlone) {
  must_run("tc qdisc add dev v0 ingress");
  auto tap = load(options_for(true));
  ASSERT_TRUE(tap->attach());
  EXPECT_THAT(tap->attachments(), Not(IsEmpty()));
  EXPECT_THAT(tap->attachments(), Not(Contains(Field(&capture::AttachedAt::interface, "v0"))));
  EXPECT_THAT(capture::filters_of(v0_).value(), IsEmpty());
  EXPECT_TRUE(capture::check_place_of_clsact(1)) << "clsact, by us";
  tap->detach();
  must_run("tc qdisc show dev v0 | grep -q 'qdisc ingress'");

  auto options = options_for(true);
  options.interfaces = {{"v0"}};
  const auto attached = load(options)->attach();
  ASSERT_FALSE(attached);
  EXPECT_THAT(attached.error().message(), ::testing::HasSubstr("its qdisc `ingress`"));
}

TEST_F(Attach, GivesEachHookItsOwnHandle) {
  auto tap = load(options_for(true));
  ASSERT_TRUE(tap->attach());
  const auto filters = capture::filters_of(v0_).value();
  ASSERT_THAT(filters, SizeIs(2));
  EXPECT_NE(filters[0].handle, filters[1].handle);
}

TEST_F(Attach, AKilledAgentsFiltersGoAndOthersStay) {
  LIBBPF_OPTS(bpf_tc_hook, foreign, .ifindex = static_cast<int>(v0_), .attach_point = BPF_TC_INGRESS);
  ASSERT_EQ(::bpf_tc_hook_create(&foreign), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto tap = load(options_for(true));
    const bool attached = tap->attach().has_value();
    ::kill(::getpid(), attached ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_THAT(capture::filters_of(1).value(), SizeIs(1));
  const auto would = capture::remove_leftovers({}, true);
  ASSERT_TRUE(would);
  EXPECT_THAT(*would, SizeIs(5));  // lo one, v0 and v1 two each
  const auto removed = capture::remove_leftovers({}, false);
  ASSERT_TRUE(removed);
  EXPECT_THAT(*removed, Contains("qdisc clsact of lo"));
  EXPECT_THAT(*removed, Not(Contains("qdisc clsact of v0"))) << "not made by us";
  EXPECT_THAT(capture::filters_of(1).value(), IsEmpty());
  EXPECT_EQ(::bpf_tc_hook_create(&foreign), -EEXIST);
}

TEST_F(Attach, LeavesALivingAgentsFiltersAlone) {
  auto tap = load(options_for(true));
  ASSERT_TRUE(tap->attach());
  EXPECT_FALSE(capture::remove_leftovers({}, false));
  auto second = load(options_for(true));
  EXPECT_FALSE(second->attach());
  EXPECT_EQ(exchange_on_lo(*tap), "hello");
}

TEST_F(Attach, FollowsInterfacesThroughTheirLives) {
  for (const bool clsact : {false, true}) {
    auto tap = load(options_for(clsact));
    ASSERT_TRUE(tap->attach());
    const auto names = [&] {
      tap->follow();
      std::vector<std::string> list;
      for (const auto& at : tap->attachments())
        if (at.direction == "ingress") list.push_back(at.interface);
      return list;
    };
    EXPECT_THAT(names(), UnorderedElementsAre("lo", "v0", "v1"));
    must_run("ip link add p0 type veth peer name p1");
    EXPECT_THAT(names(), UnorderedElementsAre("lo", "v0", "v1")) << "not up yet";
    must_run("ip link set p0 up");
    EXPECT_THAT(names(), Contains("p0"));
    must_run("ip link set p0 down");
    must_run("ip link set p0 name renamed");
    must_run("ip link set renamed up");
    EXPECT_THAT(names(), Contains("renamed"));
    must_run("ip link del renamed");
    EXPECT_THAT(names(), UnorderedElementsAre("lo", "v0", "v1"));
  }
}

}  // namespace
}  // namespace shadowtap::testing
