#include "tests/support/frames.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>

namespace shadowtap::testing {
namespace {

using std::string;

string two(std::size_t n) {
  return {static_cast<char>((n >> 8) & 0xff), static_cast<char>(n & 0xff)};
}
string four(std::uint32_t n) { return two(n >> 16) + two(n & 0xffff); }

string address_of(const Endpoint& end, bool ipv6) {
  const string whole(end.address.begin(), end.address.end());
  return ipv6 ? whole : whole.substr(12);
}

string tcp_of(const Packet& packet, const Endpoint& from, const Endpoint& to) {
  return two(from.port) + two(to.port) + four(packet.fields.sequence) +
         four(packet.fields.acknowledgment) + string(1, '\x80') +
         string(1, static_cast<char>(packet.fields.flags)) + string(6, '\0') +
         string(12, '\x01') +  // options: NOP
         packet.payload;
}

const string kEthernet(12, '\x02');
const string kIpv4Type("\x08\x00", 2);
const string kIpv6Type("\x86\xdd", 2);

}  // namespace

std::vector<Link> all_links() {
  const string tag("\x81\x00\x00\x05", 4);
  const string outer("\x88\xa8\x00\x06", 4);
  // Hop-by-hop of 8 bytes, then destination options of 16, then TCP.
  const string extensions = string("\x3c\x00\x01\x04\0\0\0\0", 8) +
                            string("\x06\x01\x01\x0c", 4) + string(12, '\0');
  return {
      {"ethernet", 1, kEthernet + kIpv4Type, false, ""},
      {"vlan", 1, kEthernet + tag + kIpv4Type, false, ""},
      {"two vlans", 1, kEthernet + outer + tag + kIpv4Type, false, ""},
      {"ip options", 1, kEthernet + kIpv4Type, false, string(8, '\x01')},
      {"ipv6", 1, kEthernet + kIpv6Type, true, ""},
      {"ipv6 extensions", 1, kEthernet + kIpv6Type, true, extensions},
      {"raw", 12, "", false, ""},
      {"raw ipv6", 12, "", true, ""},
      {"cooked", 113, string(14, '\0') + kIpv4Type, false, ""},
      {"cooked v2", 276, kIpv4Type + string(18, '\0'), false, ""},
      {"loopback", 0, string("\x02\0\0\0", 4), false, ""},
      {"loopback ipv6", 0, string("\x1e\0\0\0", 4), true, ""},
  };
}

string frame_of(const Packet& packet, const Link& link) {
  const bool to_server = packet.fields.direction == net::Direction::kToServer;
  const Endpoint& from = to_server ? packet.fields.flow.client : packet.fields.flow.server;
  const Endpoint& to = to_server ? packet.fields.flow.server : packet.fields.flow.client;
  const string tcp = tcp_of(packet, from, to);
  const string ends = address_of(from, link.ipv6) + address_of(to, link.ipv6);
  if (link.ipv6) {
    const char next = link.ip_options.empty() ? '\x06' : '\0';
    return link.before_ip + string("\x60\0\0\0", 4) + two(link.ip_options.size() + tcp.size()) +
           next + '\x40' + ends + link.ip_options + tcp;
  }
  const std::size_t header = 20 + link.ip_options.size();
  string frame = link.before_ip + static_cast<char>(0x40 | (header / 4)) + '\0' +
                 two(header + tcp.size()) + string(4, '\0') + "\x40\x06" + two(0) + ends +
                 link.ip_options + tcp;
  // A short Ethernet frame is padded: what lies behind the IP packet is no payload.
  if (link.type == 1 && frame.size() < 60) frame.resize(60, '\x55');
  return frame;
}

void write_capture(const string& path, const std::vector<Packet>& packets, const Link& link) {
  const Link used = link.before_ip.empty() && link.type == 1 ? all_links().front() : link;
  pcap_t* const handle = pcap_open_dead(used.type, 262144);
  pcap_dumper_t* const file = pcap_dump_open(handle, path.c_str());
  ASSERT_NE(file, nullptr) << pcap_geterr(handle);
  for (const Packet& packet : packets) {
    const string frame = frame_of(packet, used);
    const auto ns = packet.fields.time.time_since_epoch().count();
    pcap_pkthdr header{};
    header.ts = {ns / 1'000'000'000, ns % 1'000'000'000 / 1000};
    header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
    pcap_dump(reinterpret_cast<u_char*>(file), &header,
              reinterpret_cast<const u_char*>(frame.data()));
  }
  pcap_dump_close(file);
  pcap_close(handle);
}

}  // namespace shadowtap::testing
