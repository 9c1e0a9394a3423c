#include "agent/net/flow.h"

#include <functional>
#include <string_view>

namespace shadowtap::net {
namespace {

std::size_t hash_endpoint(const Endpoint& endpoint) {
  const std::string_view bytes(reinterpret_cast<const char*>(endpoint.address.data()),
                               endpoint.address.size());
  return std::hash<std::string_view>{}(bytes) ^ (std::size_t{endpoint.port} * 0x9e3779b97f4a7c15);
}

}  // namespace

std::size_t FlowHash::operator()(const Flow& flow) const noexcept {
  return hash_endpoint(flow.client) * 31 + hash_endpoint(flow.server);
}

}  // namespace shadowtap::net
