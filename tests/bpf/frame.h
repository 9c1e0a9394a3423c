// Ethernet frames byte by byte, for BPF_PROG_RUN: a vocabulary, not a network stack.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/endpoint.h"
#include "agent/net/segment.h"

namespace shadowtap::testing {

struct Frame {
  Endpoint source = Endpoint::v4(10, 0, 0, 1, 40000);
  Endpoint destination = Endpoint::v4(10, 0, 0, 2, 8080);
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledgment = 2000;
  std::uint8_t flags = net::kAck;
  std::string payload;

  std::vector<std::uint16_t> vlan_tags;  // EtherTypes, outermost first
  std::size_t ip_options = 0;            // bytes, a multiple of 4
  std::size_t tcp_options = 0;           // bytes, a multiple of 4
  std::vector<std::uint8_t> extensions;  // IPv6, by next-header number
  std::size_t padding = 0;               // after the IP packet
  std::uint16_t fragment = 0;            // IPv4's field, IPv6's in the fragment extension
  bool length_zero = false;              // BIG TCP
};

Endpoint v6(std::uint8_t last, std::uint16_t port);  // 2001:db8::last

std::string bytes_of(const Frame& frame);

}  // namespace shadowtap::testing
