#include "tests/bpf/frame.h"

namespace shadowtap::testing {
namespace {

void put8(std::string& out, std::size_t value) { out += static_cast<char>(value); }

void put16(std::string& out, std::size_t value) {
  put8(out, value >> 8 & 0xff);
  put8(out, value & 0xff);
}

void put32(std::string& out, std::size_t value) {
  put16(out, value >> 16 & 0xffff);
  put16(out, value & 0xffff);
}

void put_address(std::string& out, const Endpoint& endpoint) {
  const auto* bytes = reinterpret_cast<const char*>(endpoint.address.data());
  out.append(endpoint.is_v4() ? bytes + 12 : bytes, endpoint.is_v4() ? 4 : 16);
}

std::string tcp_of(const Frame& frame) {
  std::string out;
  put16(out, frame.source.port);
  put16(out, frame.destination.port);
  put32(out, frame.sequence);
  put32(out, frame.acknowledgment);
  put8(out, (20 + frame.tcp_options) / 4 << 4);
  put8(out, frame.flags);
  put16(out, 0xffff);
  put32(out, 0);  // checksum and urgent pointer
  out.append(frame.tcp_options, '\1');
  return out + frame.payload;
}

std::string ipv4_of(const Frame& frame) {
  const std::string tcp = tcp_of(frame);
  std::string out;
  const std::size_t header = 20 + frame.ip_options;
  put8(out, 0x40 | header / 4);
  put8(out, 0);
  put16(out, frame.length_zero ? 0 : header + tcp.size());
  put16(out, 0);
  put16(out, frame.fragment);
  put8(out, 64);
  put8(out, 6);
  put16(out, 0);
  put_address(out, frame.source);
  put_address(out, frame.destination);
  out.append(frame.ip_options, '\1');
  return out + tcp;
}

std::string extension_of(const Frame& frame, std::uint8_t kind, std::uint8_t next) {
  std::string out;
  put8(out, next);
  if (kind == 44) {  // fragment
    put8(out, 0);
    put16(out, frame.fragment);
    put32(out, 7);
  } else if (kind == 51) {  // authentication: length in 4 bytes, minus 2
    put8(out, 4);
    out.append(22, '\0');
  } else {  // length in 8 bytes, minus 1
    put8(out, 1);
    out.append(14, '\0');
  }
  return out;
}

std::string ipv6_of(const Frame& frame) {
  std::string rest;
  for (std::size_t i = 0; i < frame.extensions.size(); ++i) {
    const bool last = i + 1 == frame.extensions.size();
    rest += extension_of(frame, frame.extensions[i], last ? 6 : frame.extensions[i + 1]);
  }
  rest += tcp_of(frame);
  std::string out;
  put32(out, 0x60000000);
  put16(out, frame.length_zero ? 0 : rest.size());
  put8(out, frame.extensions.empty() ? 6 : frame.extensions.front());
  put8(out, 64);
  put_address(out, frame.source);
  put_address(out, frame.destination);
  return out + rest;
}

}  // namespace

Endpoint v6(std::uint8_t last, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.address = {0x20, 0x01, 0x0d, 0xb8};
  endpoint.address[15] = last;
  endpoint.port = port;
  return endpoint;
}

std::string bytes_of(const Frame& frame) {
  std::string out(12, '\2');
  for (const std::uint16_t tag : frame.vlan_tags) {
    put16(out, tag);
    put16(out, 42);
  }
  put16(out, frame.source.is_v4() ? 0x0800 : 0x86dd);
  out += frame.source.is_v4() ? ipv4_of(frame) : ipv6_of(frame);
  return out + std::string(frame.padding, '\0');
}

}  // namespace shadowtap::testing
