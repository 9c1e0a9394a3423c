#include "tests/bpf/private_namespace.h"

#include <sched.h>
#include <unistd.h>

#include <cstdlib>

namespace shadowtap::testing {

void must_run(const std::string& command) {
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

void enter_private_namespace() {
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
  must_run("ip link set lo up");
  // Not the host's default (BBR paces small answers over veth).
  must_run("sysctl -qw net.ipv4.tcp_congestion_control=reno");
}

void RootTest::SetUp() {
  if (::geteuid() == 0) return;
  const char* ci = std::getenv("CI");
  if (ci && std::string(ci) == "true") FAIL() << "needs root, and CI=true";
  GTEST_SKIP() << "needs root";
}

}  // namespace shadowtap::testing
