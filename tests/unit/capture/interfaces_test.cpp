#include "agent/capture/interfaces.h"

#include <gtest/gtest.h>
#include <net/if_arp.h>

namespace shadowtap::capture {
namespace {

Interface named(std::string kind) {
  Interface interface;
  interface.kind = std::move(kind);
  interface.type = ARPHRD_ETHER;
  return interface;
}

Interface veth(bool address, std::size_t routes, std::size_t host_routes) {
  Interface interface = named("veth");
  interface.has_address = address;
  interface.routes = routes;
  interface.host_routes = host_routes;
  return interface;
}

Interface slave(std::string kind, std::string master_kind) {
  Interface interface = named(std::move(kind));
  interface.master = 7;
  interface.master_kind = std::move(master_kind);
  interface.has_address = true;
  return interface;
}

TEST(Interfaces, ALeafIsWhatHasOnlyAPodBehindIt) {
  const struct {
    const char* what;
    Interface interface;
    bool leaf;
  } cases[] = {
      {"a pod's host side on a bridge", slave("veth", "bridge"), true},
      {"a VM's tap on a bridge", slave("tun", "bridge"), true},
      {"a pod's host side without an address", veth(false, 0, 0), true},
      {"a pod's host side with a gateway address and routes to the pod", veth(true, 2, 2), true},
      {"a pod's own NIC", veth(true, 2, 0), false},
      {"a NIC with an address and no route yet", veth(true, 0, 0), false},
      {"one route among several leads to a network", veth(true, 3, 2), false},
      {"a bond's slave", slave("veth", "bond"), false},
      {"a physical NIC on a bridge", slave("", "bridge"), false},
      {"the bridge itself", named("bridge"), false},
      {"a physical NIC", named(""), false},
  };
  for (const auto& c : cases) EXPECT_EQ(is_leaf(c.interface), c.leaf) << c.what;
}

TEST(Interfaces, ATunWithoutALinkLayerIsNoLeaf) {
  Interface tunnel = named("tun");
  tunnel.type = ARPHRD_NONE;
  EXPECT_FALSE(is_leaf(tunnel));
  EXPECT_FALSE(has_link_layer(tunnel));
  EXPECT_TRUE(can_carry(tunnel));
}

TEST(Interfaces, SomeCarryNoService) {
  EXPECT_FALSE(can_carry(named("ifb")));
  EXPECT_FALSE(can_carry(named("dummy")));
  EXPECT_TRUE(can_carry(named("vxlan")));
  Interface can_bus = named("");
  can_bus.type = ARPHRD_CAN;
  EXPECT_FALSE(can_carry(can_bus));
}

}  // namespace
}  // namespace shadowtap::capture
