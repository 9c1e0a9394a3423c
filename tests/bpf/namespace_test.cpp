// A pod's namespace goes while we watch it: we let go of it, and of its interfaces, and
// come back to the one that takes its place where we still may.

#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "tests/bpf/baton.h"
#include "tests/bpf/collected.h"
#include "tests/bpf/private_namespace.h"

namespace shadowtap::testing {
namespace {

constexpr std::uint16_t kPort = 8080;

std::unique_ptr<capture::Tap> tap_of(const std::string& netns) {
  capture::TapOptions options;
  options.services = {{"service", {kPort}}};
  options.ring_bytes = 1 << 20;
  options.netns = netns;
  options.verify_every = Duration::zero();
  auto tap = capture::Tap::load(options);
  EXPECT_TRUE(tap) << tap.error().message();
  const auto attached = (*tap)->attach();
  EXPECT_TRUE(attached) << attached.error().message();
  return std::move(*tap);
}

bool comes_to_be(capture::Tap& tap, const std::function<bool()>& condition) {
  for (int i = 0; i < 150; ++i) {
    tap.follow();
    if (condition()) return true;
    ::usleep(100'000);
  }
  return false;
}

bool lets_go(capture::Tap& tap) {
  return comes_to_be(tap, [&] { return tap.attachments().empty(); });
}

class GoneNamespace : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped()) return;
    enter_private_namespace();
    add();
  }
  void TearDown() override {
    if (there_) remove();
  }

  void add() {
    must_run("ip netns add " + name_);
    must_run("ip -n " + name_ + " link set lo up");
    there_ = true;
  }
  void remove() {
    must_run("ip netns del " + name_);
    there_ = false;
  }

  const std::string name_ = "st" + std::to_string(std::random_device()() % 1'000'000) + "gone";
  bool there_ = false;
};

TEST_F(GoneNamespace, IsLetGoAndEnteredAgainWhenItIsBack) {
  must_run("ip link add outside type veth peer name inside netns " + name_);
  must_run("ip link set outside up && ip -n " + name_ + " link set inside up");
  const auto tap = tap_of(name_);
  EXPECT_EQ(tap->attachments().size(), 3U) << "lo one, inside two";
  remove();
  EXPECT_TRUE(lets_go(*tap));
  EXPECT_EQ(tap->follow_descriptor(), -1);
  EXPECT_TRUE(comes_to_be(*tap, [] { return ::if_nametoindex("outside") == 0; }))
      << "an interface of the namespace is still there";
  add();
  EXPECT_TRUE(comes_to_be(*tap, [&] { return !tap->attachments().empty(); }));
}

TEST_F(GoneNamespace, IsNoticedToBeAnotherOne) {
  const auto tap = tap_of(name_);
  must_run("ip link add outside type veth peer name inside netns " + name_);
  remove();
  add();
  EXPECT_TRUE(comes_to_be(*tap, [] { return ::if_nametoindex("outside") == 0; }))
      << "the old one is still held";
  EXPECT_TRUE(comes_to_be(*tap, [&] { return tap->attachments().size() == 1; })) << "lo again";
}

// In a child: there is no way back.
TEST_F(GoneNamespace, IsLetGoWithoutPrivilegesToo) {
  const Baton attached;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto tap = tap_of(name_);
    if (!tap->drop_privileges({})) ::_exit(1);
    if (tap->attachments().empty()) ::_exit(2);
    attached.give();
    ::_exit(lets_go(*tap) ? 0 : 3);
  }
  attached.await();
  remove();
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << WEXITSTATUS(status) << ": the step that went wrong";
}

// Whose process we may not look at any more.
TEST_F(GoneNamespace, OfAProcessIsLetGoWithIt) {
  const Baton there, attached;
  const pid_t process = ::fork();
  if (process == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool made = ::unshare(CLONE_NEWNET) == 0 && std::system("ip link set lo up") == 0;
    if (made) there.give();
    while (true) ::pause();
  }
  there.await();
  const pid_t child = ::fork();
  if (child == 0) {
    const auto tap = tap_of("/proc/" + std::to_string(process) + "/ns/net");
    if (!tap->drop_privileges({})) ::_exit(1);
    tap->follow();
    if (tap->attachments().empty()) ::_exit(2);
    attached.give();
    ::_exit(lets_go(*tap) ? 0 : 3);
  }
  attached.await();
  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << WEXITSTATUS(status) << ": the step that went wrong";
}

}  // namespace
}  // namespace shadowtap::testing
