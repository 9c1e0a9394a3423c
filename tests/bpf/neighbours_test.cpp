// Programs of others at the same hooks: before ours and after, by TCX and by clsact, there
// first or coming later, removed meanwhile. Theirs end the chain like Cilium's.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>

#include "agent/capture/attachments.h"
#include "agent/capture/chain.h"
#include "agent/capture/interfaces.h"
#include "agent/capture/kernel_object.h"
#include "agent/capture/privileges.h"
#include "agent/capture/qdisc.h"
#include "tests/bpf/baton.h"
#include "tests/bpf/collected.h"
#include "tests/bpf/node.h"
#include "tests/bpf/private_namespace.h"

namespace shadowtap::testing {
namespace {

using capture::CheckLine;
using capture::HookPoint;
using capture::Mechanism;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr std::uint16_t kPort = 8080;
constexpr std::uint32_t kTheirHandle = 7;

// Returns TC_ACT_OK for everything: nobody after it sees a packet.
UniqueFd chain_ender(const char* name) {
  bpf_insn code[2] = {};
  code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  code[1].code = BPF_JMP | BPF_EXIT;
  return UniqueFd(::bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, name, "GPL", code, 2, nullptr));
}

// Theirs, at both hooks of one interface.
class Neighbour {
 public:
  Neighbour(const char* name, Mechanism mechanism, std::uint32_t ifindex, std::uint32_t priority)
      : program_(chain_ender(name)), mechanism_(mechanism), ifindex_(ifindex), priority_(priority) {
    for (const HookPoint point : {HookPoint::kIngress, HookPoint::kEgress}) attach(point);
  }
  ~Neighbour() {
    if (mechanism_ == Mechanism::kClsact)
      for (const auto point : {BPF_TC_INGRESS, BPF_TC_EGRESS}) {
        LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex_), .attach_point = point);
        LIBBPF_OPTS(bpf_tc_opts, filter, .handle = kTheirHandle, .priority = priority_);
        EXPECT_EQ(::bpf_tc_detach(&hook, &filter), 0) << "somebody removed theirs";
      }
  }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

 private:
  void attach(HookPoint point) {
    if (mechanism_ == Mechanism::kTcx) {
      auto link = capture::Hook::attach_tcx(ifindex_, point, program_.get());  // at the head
      ASSERT_TRUE(link) << link.error().message();
      links_.push_back(std::move(*link));
      return;
    }
    const auto at = point == HookPoint::kIngress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex_), .attach_point = at);
    ::bpf_tc_hook_create(&hook);  // may be there already
    LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = program_.get(), .handle = kTheirHandle,
                .priority = priority_);
    ASSERT_EQ(::bpf_tc_attach(&hook, &filter), 0);
  }

  UniqueFd program_;
  Mechanism mechanism_;
  std::uint32_t ifindex_, priority_;
  std::vector<capture::Hook> links_;
};

enum class Comes : std::uint8_t { kFirst, kLater };

struct Mix {
  const char* name;
  Mechanism ours, theirs;
  std::uint32_t their_priority;  // clsact
  Comes they_come;
  bool seen;  // when all have settled
};

const Mix kMixes[] = {
    {"TcxBesideTcx", Mechanism::kTcx, Mechanism::kTcx, 0, Comes::kFirst, true},
    {"TcxBesideTcxAtTheHeadLater", Mechanism::kTcx, Mechanism::kTcx, 0, Comes::kLater, true},
    {"TcxBesideClsact", Mechanism::kTcx, Mechanism::kClsact, 1, Comes::kFirst, true},
    {"TcxBesideClsactLater", Mechanism::kTcx, Mechanism::kClsact, 1, Comes::kLater, true},
    {"ClsactBesideTcx", Mechanism::kClsact, Mechanism::kTcx, 0, Comes::kFirst, false},
    {"ClsactBesideTcxLater", Mechanism::kClsact, Mechanism::kTcx, 0, Comes::kLater, false},
    {"ClsactBesideItsPriority", Mechanism::kClsact, Mechanism::kClsact, 1, Comes::kFirst, true},
    {"ClsactBesideItsPriorityLater", Mechanism::kClsact, Mechanism::kClsact, 1, Comes::kLater, true},
    {"ClsactBesideALowerPriority", Mechanism::kClsact, Mechanism::kClsact, 2, Comes::kFirst, true},
    {"ClsactBesideALowerPriorityLater", Mechanism::kClsact, Mechanism::kClsact, 2, Comes::kLater, true},
};

// A service on a veth whose other end is in another namespace.
class Neighbours : public RootTest, public ::testing::WithParamInterface<Mix> {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped()) return;
    enter_private_namespace();
    client_ = std::make_unique<Place>("n");
    must_run("ip link add v0 type veth peer name v1 netns " + client_->name());
    must_run("ip addr add 10.1.0.1/24 dev v0 && ip link set v0 up");
    client_->run("ip addr add 10.1.0.2/24 dev v1");
    client_->run("ip link set v1 up");
    v0_ = ::if_nametoindex("v0");
    if (!capture::Hook::attach_tcx(v0_, HookPoint::kIngress, chain_ender("probe").get()))
      GTEST_SKIP() << "no TCX here";
  }

  void load(Mechanism ours) {
    capture::TapOptions options;
    options.services = {{"service", {kPort}}};
    options.ring_bytes = 1 << 20;
    options.verify_every = Duration::zero();
    options.force_clsact = ours == Mechanism::kClsact;
    auto tap = capture::Tap::load(options);
    ASSERT_TRUE(tap) << tap.error().message();
    tap_ = std::move(*tap);
  }

  bool sees_an_exchange() {
    Collected seen(*tap_);
    seen.drain();  // the heartbeat, and leftovers
    seen.records.clear();
    Listener listener("10.1.0.1", kPort);
    const auto client = client_->connects("10.1.0.1", kPort);
    Peer server = listener.accepts();
    client->sends("hello");
    server.receives(5);
    server.sends("world");
    EXPECT_EQ(client->receives(5), "world") << "theirs and ours let packets pass";
    seen.drain();
    const std::string request = seen.stream(net::Direction::kToServer);
    const std::string answer = seen.stream(net::Direction::kToClient);
    EXPECT_TRUE((request == "hello" && answer == "world") || (request.empty() && answer.empty()))
        << request << " " << answer;
    return request == "hello";
  }

  std::string order_in_check() const {
    std::string text;
    for (const CheckLine& line : capture::check_host({"v0"}, {}))
      if (line.what.starts_with("order")) text += line.what + ": " + line.finding + "\n";
    return text;
  }

  std::unique_ptr<Place> client_;
  std::unique_ptr<capture::Tap> tap_;
  std::uint32_t v0_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Mixes, Neighbours, ::testing::ValuesIn(kMixes),
                         [](const auto& test) { return test.param.name; });

TEST_P(Neighbours, HideNothingUnlessTheKernelLetsThemAndThenWeSaySo) {
  const Mix& mix = GetParam();
  std::optional<Neighbour> theirs;
  const auto they_come = [&] { theirs.emplace("cil_from_netdev", mix.theirs, v0_, mix.their_priority); };
  if (mix.they_come == Comes::kFirst) they_come();
  load(mix.ours);
  Collected(*tap_).drain();
  const auto attached = tap_->attach();
  if (mix.they_come == Comes::kFirst && !mix.seen) {
    ASSERT_FALSE(attached);
    EXPECT_THAT(attached.error().message(), HasSubstr("hide all traffic"));
    return;
  }
  ASSERT_TRUE(attached) << attached.error().message();
  if (mix.they_come == Comes::kLater) {
    EXPECT_TRUE(sees_an_exchange());
    they_come();
    if (!sees_an_exchange()) tap_->follow();
  }
  EXPECT_EQ(sees_an_exchange(), mix.seen);
  const auto at = tap_->attachments();
  const bool said = std::ranges::any_of(at, [](const auto& a) { return !a.hidden_by.empty(); });
  EXPECT_EQ(said, !mix.seen);
  theirs.reset();
  EXPECT_TRUE(sees_an_exchange()) << "they are gone";
}

using OrderInCheck = Neighbours;
INSTANTIATE_TEST_SUITE_P(Mixes, OrderInCheck, ::testing::Values(kMixes[0]));

TEST_P(OrderInCheck, IsTheEffectiveOne) {
  const Neighbour first("other", Mechanism::kTcx, v0_, 0);
  const Neighbour cilium("cil_from_netdev", Mechanism::kClsact, v0_, 2);
  EXPECT_THAT(order_in_check(),
              ContainsRegex("order at ingress of v0: shadowtap .tcx., other .tcx., "
                            "cil_from_netdev.* .clsact, priority 2."));
  load(Mechanism::kTcx);
  ASSERT_TRUE(tap_->attach());
  EXPECT_THAT(order_in_check(),
              ContainsRegex("order at egress of v0: shadowtap_egres .tcx., other .tcx., "
                            "cil_from_netdev.* .clsact, priority 2."));
}

TEST_P(OrderInCheck, FiltersOfAnotherKindKeepTheirPriority) {
  must_run("tc qdisc add dev v0 clsact");
  must_run("tc filter add dev v0 ingress prio 1 protocol all u32 match u32 0 0 classid 1:1");
  load(Mechanism::kClsact);
  Collected(*tap_).drain();
  const auto attached = tap_->attach();
  ASSERT_TRUE(attached) << attached.error().message();
  const auto filters = capture::filters_of(v0_).value();
  EXPECT_TRUE(std::ranges::any_of(filters, [](const auto& filter) {
    return capture::is_ours(filter) && filter.point == HookPoint::kIngress && filter.priority == 2;
  }));
  tap_->detach();
  EXPECT_TRUE(std::ranges::none_of(capture::filters_of(v0_).value(), capture::is_ours));
}

// An agent that gave up its privileges, in a child: there is no way back. The parent, which
// has them still, lets a neighbour come when told.
class WithoutPrivileges : public Neighbours {
 protected:
  // True: `child` returned 0 after the neighbour had come.
  bool beside_a_neighbour(const std::function<int()>& child) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(child());
    attached_.await();
    const Neighbour cilium("cil_from_netdev", Mechanism::kTcx, v0_, 0);
    came_.give();
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), 0) << "the step that went wrong";
    return status == 0;
  }
  void let_them_come() {
    attached_.give();
    came_.await();
  }

  Baton attached_, came_;
};

std::string hidden_by(const std::vector<capture::AttachedAt>& list) {
  for (const auto& at : list)
    if (!at.hidden_by.empty()) return at.hidden_by;
  return {};
}

INSTANTIATE_TEST_SUITE_P(Mixes, WithoutPrivileges, ::testing::Values(kMixes[5]));

TEST_P(WithoutPrivileges, OneWhoComesThenMayHideAll) {
  EXPECT_TRUE(beside_a_neighbour([this] {
    load(Mechanism::kClsact);
    Collected(*tap_).drain();
    if (!tap_->attach()) return 1;
    if (!tap_->drop_privileges({})) return 2;
    if (!hidden_by(tap_->attachments()).empty()) return 3;
    let_them_come();
    tap_->follow();
    return hidden_by(tap_->attachments()).find("(perhaps") == std::string::npos ? 4 : 0;
  }));
}

TEST_P(WithoutPrivileges, OneWhoCameBeforeHidesAllStill) {
  for (const bool may_ask_who_is_there : {true, false}) {
    EXPECT_TRUE(beside_a_neighbour([&] {
      capture::TapOptions options;
      options.services = {{"service", {kPort}}};
      options.ring_bytes = 1 << 20;
      options.verify_every = Duration::zero();
      auto kernel = capture::KernelObject::load(options);
      const auto interfaces = capture::list_interfaces();
      if (!kernel || !interfaces) return 1;
      capture::Attachments attachments(**kernel, options, false);
      if (!attachments.reconcile(*interfaces, interfaces->size(), {})) return 2;
      let_them_come();
      attachments.verify();
      if (hidden_by(attachments.list()) != "cil_from_netdev") return 3;
      capture::PrivilegesKept kept;
      kept.net_admin = may_ask_who_is_there;
      if (!capture::drop_privileges(kept)) return 4;
      attachments.verify();
      return hidden_by(attachments.list()) != "cil_from_netdev" ? 5 : 0;
    })) << may_ask_who_is_there;
    for (const auto& filter : capture::filters_of(v0_).value()) capture::remove_filter(v0_, filter);
  }
}

}  // namespace
}  // namespace shadowtap::testing
