// Packets as frames in capture files, for every link layer we read.
#pragma once

#include <string>
#include <vector>

#include "tests/support/wire.h"

namespace shadowtap::testing {

struct Link {
  const char* name = "ethernet";
  int type = 1;             // DLT
  std::string before_ip;    // the link layer's header, with its protocol field
  bool ipv6 = false;
  std::string ip_options;   // IPv4 options, or IPv6 extension headers that end in TCP
};

// Ethernet (plain, one and two VLAN tags, IP options, IPv6 extension headers), raw IP,
// Linux cooked v1 and v2, loopback. IPv6 links carry mapped addresses, so that flows read
// the same.
std::vector<Link> all_links();

std::string frame_of(const Packet& packet, const Link& link);
void write_capture(const std::string& path, const std::vector<Packet>& packets,
                   const Link& link = {});

}  // namespace shadowtap::testing
