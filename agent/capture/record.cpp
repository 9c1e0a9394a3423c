#include "agent/capture/record.h"

#include <cstring>

namespace shadowtap::capture {
namespace {

Endpoint to_endpoint(const __u32 (&address)[4], std::uint16_t port) {
  Endpoint endpoint;
  static_assert(sizeof address == sizeof endpoint.address);
  std::memcpy(endpoint.address.data(), address, sizeof address);
  endpoint.port = port;
  return endpoint;
}

}  // namespace

net::Flow to_flow(const shadowtap_flow_key& key) {
  return {to_endpoint(key.client, key.client_port), to_endpoint(key.server, key.server_port)};
}

shadowtap_flow_key to_key(const net::Flow& flow) {
  shadowtap_flow_key key{};
  std::memcpy(key.client, flow.client.address.data(), sizeof key.client);
  std::memcpy(key.server, flow.server.address.data(), sizeof key.server);
  key.client_port = flow.client.port;
  key.server_port = flow.server.port;
  return key;
}

net::Segment to_segment(const shadowtap_record& record) {
  net::Segment segment;
  segment.flow = to_flow(record.flow);
  segment.direction = record.direction == SHADOWTAP_TO_SERVER ? net::Direction::kToServer
                                                              : net::Direction::kToClient;
  segment.flags = record.flags;
  segment.service = record.service;
  segment.sequence = record.sequence;
  segment.acknowledgment = record.acknowledgment;
  segment.flow_hash = record.flow_hash;
  segment.payload_size = record.captured;
  segment.payload = {reinterpret_cast<const char*>(&record + 1), record.captured};
  segment.time = Time(Duration(record.time_ns));
  return segment;
}

}  // namespace shadowtap::capture
