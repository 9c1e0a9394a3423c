// The network interfaces of a namespace, and what they are to us: link layer or not, a
// leaf (everything behind it is a pod, container or VM) or not.
//
// list_interfaces asks the calling thread's network namespace; the judgement is pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/result.h"

namespace shadowtap::capture {

struct Interface {
  std::uint32_t ifindex = 0;
  std::string name;
  std::string kind;         // "veth", "tun", "bridge", …; empty: physical or loopback
  std::string master_kind;  // of the interface that it is enslaved to
  std::uint32_t master = 0;
  std::uint16_t type = 0;  // ARPHRD_…
  bool up = false;
  bool loopback = false;
  bool has_address = false;  // one that is not link-local
  // Out of it, without link-local and multicast; counted only where is_leaf() asks.
  std::size_t routes = 0;
  std::size_t host_routes = 0;
};

Result<std::vector<Interface>> list_interfaces();

// Whether the port can be seen there by one of our programs.
bool can_carry(const Interface& interface);
// Whether frames begin with an Ethernet header.
bool has_link_layer(const Interface& interface);
// DESIGN 3.4.
bool is_leaf(const Interface& interface);

}  // namespace shadowtap::capture
