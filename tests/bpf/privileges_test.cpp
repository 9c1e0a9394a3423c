// An agent that gave up its privileges still follows, captures and counts. Each case runs
// in a child: there is no way back.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/capture/capabilities.h"
#include "agent/capture/privileges.h"
#include "tests/bpf/collected.h"
#include "tests/bpf/private_namespace.h"
#include "tests/bpf/sockets.h"

namespace shadowtap::testing {
namespace {

constexpr std::uint16_t kPort = 8080;

class Privileges : public RootTest {};

// 0 if all of it worked, else the number of the first step that did not.
int live_without(bool clsact, const capture::PrivilegesKept& kept) {
  enter_private_namespace();
  must_run("ip link add v0 type veth peer name v1");
  must_run("ip link set v0 up");
  capture::TapOptions options;
  options.services = {{"service", {kPort}}};
  options.ring_bytes = 1 << 20;
  options.force_clsact = clsact;
  auto tap = capture::Tap::load(options);
  if (!tap || !(*tap)->attach()) return 1;
  // Somebody with rights brings an interface up later.
  int go[2];
  if (::pipe(go)) return 2;
  const pid_t other = ::fork();
  if (other == 0) {
    char byte = 0;
    const bool told = ::read(go[0], &byte, 1) == 1;
    ::_exit(told && std::system("ip link set v1 up") == 0 ? 0 : 1);
  }
  const auto dropped = capture::drop_privileges(kept);
  if (!dropped) return 3;
  if (capture::has_capability(12 /* CAP_NET_ADMIN */) != kept.net_admin) return 4;
  if (capture::Tap::load(options)) return 5;
  if (kept.uid && ::getuid() != *kept.uid) return 6;
  if (::write(go[1], "x", 1) != 1) return 7;
  int status = 0;
  ::waitpid(other, &status, 0);
  const std::size_t before = (*tap)->attachments().size();
  (*tap)->follow();
  if ((*tap)->attachments().size() != before + 2) return 8;
  Collected seen(**tap);
  seen.drain();
  Listener listener("127.0.0.1", kPort);
  Peer client = connect_to("127.0.0.1", kPort);
  Peer server = listener.accepts();
  client.sends("hello");
  server.receives(5);
  seen.drain();
  if (seen.stream(net::Direction::kToServer) != "hello") return 9;
  return (*tap)->packets().delivered == seen.records.size() ? 0 : 10;
}

int in_child(bool clsact, const capture::PrivilegesKept& kept) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(live_without(clsact, kept));
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(Privileges, AreNotNeededAfterTheStartOnTcx) { EXPECT_EQ(in_child(false, {}), 0); }

TEST_F(Privileges, AnotherUserWillDo) {
  EXPECT_EQ(in_child(false, {.net_admin = false, .uid = 65534, .gid = 65534}), 0);
}

TEST_F(Privileges, OneIsKeptForClsact) {
  EXPECT_EQ(in_child(true, {.net_admin = true, .uid = 65534, .gid = 65534}), 0);
}

}  // namespace
}  // namespace shadowtap::testing
