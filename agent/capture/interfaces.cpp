#include "agent/capture/interfaces.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <netinet/in.h>

#include <algorithm>
#include <map>

#include "agent/capture/netlink.h"

namespace shadowtap::capture {
namespace {

using ByIndex = std::map<std::uint32_t, Interface>;

struct LinkRequest {
  ifinfomsg link{};
  rtattr attribute{.rta_len = RTA_LENGTH(sizeof(std::uint32_t)), .rta_type = IFLA_EXT_MASK};
  std::uint32_t mask = RTEXT_FILTER_SKIP_STATS;
};

struct RouteRequest {
  rtmsg route{};
  rtattr attribute{.rta_len = RTA_LENGTH(sizeof(std::uint32_t)), .rta_type = RTA_OIF};
  std::uint32_t out = 0;
};

template <class Request>
Result<> dump(Netlink& netlink, std::uint16_t type, const Request& request,
              const OnMessage& on_message) {
  return netlink.dump(type, std::as_bytes(std::span(&request, 1)), on_message);
}

void read_link(const nlmsghdr& message, ByIndex& interfaces) {
  if (message.nlmsg_type != RTM_NEWLINK) return;
  const auto& link = header_of<ifinfomsg>(message);
  Interface interface;
  interface.ifindex = static_cast<std::uint32_t>(link.ifi_index);
  interface.type = link.ifi_type;
  interface.up = (link.ifi_flags & IFF_UP) != 0;
  interface.loopback = (link.ifi_flags & IFF_LOOPBACK) != 0;
  each_attribute(message, sizeof(ifinfomsg), [&](const rtattr& attribute) {
    if (attribute.rta_type == IFLA_IFNAME) interface.name = text_of(attribute);
    if (attribute.rta_type == IFLA_MASTER) interface.master = u32_of(attribute);
    if ((attribute.rta_type & NLA_TYPE_MASK) != IFLA_LINKINFO) return;
    each_nested(attribute, [&](const rtattr& info) {
      if (info.rta_type == IFLA_INFO_KIND) interface.kind = text_of(info);
    });
  });
  interfaces[interface.ifindex] = std::move(interface);
}

void read_address(const nlmsghdr& message, ByIndex& interfaces) {
  if (message.nlmsg_type != RTM_NEWADDR) return;
  const auto& address = header_of<ifaddrmsg>(message);
  const auto found = interfaces.find(address.ifa_index);
  if (found == interfaces.end() || address.ifa_scope >= RT_SCOPE_LINK) return;
  found->second.has_address = true;
}

bool is_link_local_v6(const rtattr& destination) {
  const auto* bytes = static_cast<const std::uint8_t*>(RTA_DATA(&destination));
  return bytes[0] == 0xff || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

void read_route(const nlmsghdr& message, Interface& interface) {
  if (message.nlmsg_type != RTM_NEWROUTE) return;
  const auto& route = header_of<rtmsg>(message);
  if (route.rtm_type != RTN_UNICAST || route.rtm_table == RT_TABLE_LOCAL) return;
  std::uint32_t out = 0;
  bool link_local = false;
  each_attribute(message, sizeof(rtmsg), [&](const rtattr& attribute) {
    if (attribute.rta_type == RTA_OIF) out = u32_of(attribute);
    if (attribute.rta_type == RTA_DST && route.rtm_family == AF_INET6)
      link_local = is_link_local_v6(attribute);
  });
  if (out != interface.ifindex || link_local) return;
  ++interface.routes;
  interface.host_routes += route.rtm_dst_len == (route.rtm_family == AF_INET6 ? 128 : 32);
}

// Only where the judgement asks for them, and only those of the interface: a router has
// too many to look at all.
Result<> read_routes(Netlink& netlink, Interface& interface) {
  RouteRequest request;
  request.out = interface.ifindex;
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    request.route.rtm_family = family;
    auto done = dump(netlink, RTM_GETROUTE, request,
                     [&](const nlmsghdr& m) { read_route(m, interface); });
    if (!done && done.error().code.value() != ENODEV) return done;  // it went meanwhile
  }
  return {};
}

bool is_virtual_port(const Interface& interface) {
  return interface.kind == "veth" || interface.kind == "netkit" ||
         (interface.kind == "tun" && interface.type == ARPHRD_ETHER);
}

}  // namespace

Result<std::vector<Interface>> list_interfaces() {
  auto netlink = Netlink::open(0);
  if (!netlink) return netlink.error();
  ByIndex interfaces;
  if (auto done = dump(*netlink, RTM_GETLINK, LinkRequest{},
                       [&](const nlmsghdr& m) { read_link(m, interfaces); });
      !done)
    return done.error();
  if (auto done = dump(*netlink, RTM_GETADDR, ifaddrmsg{},
                       [&](const nlmsghdr& m) { read_address(m, interfaces); });
      !done)
    return done.error();
  std::vector<Interface> list;
  for (auto& [ifindex, interface] : interfaces) {
    const auto master = interfaces.find(interface.master);
    if (master != interfaces.end()) interface.master_kind = master->second.kind;
    if (is_virtual_port(interface) && !interface.master && interface.has_address)
      if (auto done = read_routes(*netlink, interface); !done) return done.error();
    list.push_back(interface);
  }
  return list;
}

bool has_link_layer(const Interface& interface) {
  return interface.type == ARPHRD_ETHER || interface.type == ARPHRD_LOOPBACK;
}

bool can_carry(const Interface& interface) {
  if (interface.kind == "ifb" || interface.kind == "nlmon" || interface.kind == "dummy")
    return false;
  switch (interface.type) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
    case ARPHRD_NONE:
    case ARPHRD_PPP:
    case ARPHRD_RAWIP:
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
    case ARPHRD_IPGRE:
    case ARPHRD_IP6GRE:
      return true;
    default:
      return false;
  }
}

bool is_leaf(const Interface& interface) {
  if (!is_virtual_port(interface)) return false;
  if (interface.master)  // a bond's or team's slave carries its own host's traffic
    return interface.master_kind != "bond" && interface.master_kind != "team";
  if (!interface.has_address) return true;
  return interface.routes > 0 && interface.routes == interface.host_routes;
}

}  // namespace shadowtap::capture
