#include "agent/target_addresses.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "agent/capture/tap.h"
#include "agent/config/own_address.h"
#include "agent/shadow/target_url.h"

namespace shadowtap {

void TargetAddresses::follow(const config::Config& config) {
  std::vector<Followed> now;
  for (const config::ServiceConfig& service : config.services) {
    for (const shadow::TargetOptions& target : service.targets()) {
      const auto url = shadow::TargetUrl::parse(target.url);
      if (!url || url->scheme == shadow::TargetUrl::Scheme::kUnix) continue;
      Followed& followed = now.emplace_back();
      followed.service = service.name;
      followed.is_service = config::own_check(config, service);
      followed.literal = shadow::literal_address(url->host, url->port);
      if (followed.literal) continue;
      followed.name = resolver_.follow(url->host, url->port, target.resolve_interval);
    }
  }
  followed_ = std::move(now);  // only now: a name held nowhere would be forgotten
}

// Not those that are the service itself: then it is the service's traffic that would be
// left out.
std::vector<Endpoint> TargetAddresses::known() {
  std::vector<Endpoint> all;
  std::vector<Endpoint> own;
  for (const Followed& followed : followed_) {
    const auto addresses = followed.literal ? std::vector{*followed.literal}
                                            : followed.name->addresses()->list;
    for (const shadow::SocketAddress& address : addresses) {
      const auto endpoint = address.endpoint();
      if (!endpoint) continue;
      const bool is_service = followed.is_service && followed.is_service(*endpoint);
      (is_service ? own : all).push_back(*endpoint);
      if (is_service) warn_once(followed, *endpoint);
    }
  }
  own_ = std::move(own);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

void TargetAddresses::warn_once(const Followed& followed, const Endpoint& endpoint) const {
  if (std::find(own_.begin(), own_.end(), endpoint) != own_.end()) return;
  spdlog::warn("{}: {}, an address of a target, is the service itself; nothing is sent there",
               followed.service, endpoint.to_string());
}

Result<> TargetAddresses::tell(capture::Tap& tap) {
  std::vector<Endpoint> now = known();
  if (now == told_) return {};
  auto told = tap.exclude(now);
  const std::string failure = told ? "" : told.error().message();
  told_.reset();
  if (told) told_ = std::move(now);
  const bool said_before = failure == std::exchange(said_failure_, failure);
  return said_before ? Result<>() : told;
}

}  // namespace shadowtap
