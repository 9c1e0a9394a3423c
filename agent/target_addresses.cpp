#include "agent/target_addresses.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "agent/capture/tap.h"
#include "agent/config/own_address.h"
#include "agent/shadow/target_url.h"

namespace shadowtap {
namespace {

// Of a connection to an address that left its name: kept for `max_age`, then one request.
constexpr Duration kKnownFor = std::chrono::minutes(6);

}  // namespace

void TargetAddresses::follow(const config::Config& config) {
  std::vector<Followed> now;
  std::vector<std::string> urls;
  for (const config::ServiceConfig& service : config.services) {
    for (const shadow::TargetOptions& target : service.targets()) {
      const auto url = shadow::TargetUrl::parse(target.url);
      if (!url || url->scheme == shadow::TargetUrl::Scheme::kUnix) continue;
      urls.push_back(target.url);
      Followed& followed = now.emplace_back();
      followed.service = service.name;
      followed.is_service = config::own_check(config, service);
      followed.literal = shadow::literal_address(url->host, url->port);
      if (followed.literal) continue;
      followed.name = resolver_.follow(url->host, url->port, target.resolve_interval);
    }
  }
  followed_ = std::move(now);  // only now: a name held nowhere would be forgotten
  if (urls != urls_) last_named_.clear();  // a target that was removed has no connections
  urls_ = std::move(urls);
}

// Not those that are the target's own service: then it is the service's traffic that would be
// left out. An address that its name left is known for a while: connections to it may be open.
std::vector<Endpoint> TargetAddresses::known(Time now) {
  for (const Followed& followed : followed_) {
    const auto addresses = followed.literal ? std::vector{*followed.literal}
                                            : followed.name->addresses()->list;
    for (const shadow::SocketAddress& address : addresses) {
      if (const auto endpoint = address.endpoint()) {
        last_named_.insert_or_assign(*endpoint, Named{now, followed.service, followed.is_service});
      }
    }
  }
  std::vector<Endpoint> own;
  std::erase_if(last_named_, [&](const auto& one) {
    const auto& [endpoint, named] = one;
    if (now - named.at > kKnownFor) return true;
    if (!named.is_service || !named.is_service(endpoint)) return false;
    own.push_back(endpoint);
    warn_once(named.service, endpoint);
    return true;
  });
  own_ = std::move(own);
  std::vector<Endpoint> all;
  for (const auto& [endpoint, named] : last_named_) all.push_back(endpoint);
  return all;
}

void TargetAddresses::warn_once(const std::string& service, const Endpoint& endpoint) const {
  if (std::find(own_.begin(), own_.end(), endpoint) != own_.end()) return;
  spdlog::warn("{}: {}, an address of a target, is the service itself; nothing is sent there",
               service, endpoint.to_string());
}

Result<> TargetAddresses::tell(capture::Tap& tap, Time now) {
  std::vector<Endpoint> all = known(now);
  if (all == told_) return {};
  auto told = tap.exclude(all);
  const std::string failure = told ? "" : told.error().message();
  told_.reset();
  if (told) told_ = std::move(all);
  const bool said_before = failure == std::exchange(said_failure_, failure);
  return said_before ? Result<>() : told;
}

}  // namespace shadowtap
