#include "agent/target_addresses.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "agent/capture/tap.h"
#include "agent/shadow/target_url.h"

namespace shadowtap {
namespace {

std::optional<Endpoint> endpoint_of(const shadow::SocketAddress& address) {
  if (address.family() == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&v4.sin_addr);
    return Endpoint::v4(bytes[0], bytes[1], bytes[2], bytes[3], ntohs(v4.sin_port));
  }
  if (address.family() != AF_INET6) return std::nullopt;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
  Endpoint endpoint;
  std::memcpy(endpoint.address.data(), &v6.sin6_addr, endpoint.address.size());
  endpoint.port = ntohs(v6.sin6_port);
  return endpoint;
}

}  // namespace

void TargetAddresses::follow(const config::Config& config) {
  literal_.clear();
  std::vector<std::shared_ptr<const shadow::ResolvedName>> names;
  for (const config::ServiceConfig& service : config.services) {
    for (const shadow::TargetOptions& target : service.targets()) {
      const auto url = shadow::TargetUrl::parse(target.url);
      if (!url || url->scheme == shadow::TargetUrl::Scheme::kUnix) continue;
      if (const auto literal = shadow::literal_address(url->host, url->port)) {
        if (const auto endpoint = endpoint_of(*literal)) literal_.push_back(*endpoint);
      } else {
        names.push_back(resolver_.follow(url->host, url->port, target.resolve_interval));
      }
    }
  }
  names_ = std::move(names);  // only now: a name held nowhere would be forgotten
}

std::vector<Endpoint> TargetAddresses::known() const {
  std::vector<Endpoint> all = literal_;
  for (const auto& name : names_) {
    for (const shadow::SocketAddress& address : name->addresses()->list) {
      if (const auto endpoint = endpoint_of(address)) all.push_back(*endpoint);
    }
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

Result<> TargetAddresses::tell(capture::Tap& tap) {
  std::vector<Endpoint> now = known();
  if (now == told_) return {};
  auto told = tap.exclude(now);
  if (told) told_ = std::move(now);
  return told;
}

}  // namespace shadowtap
