// Keeps the tap told of every address that targets have, or had until a few minutes ago, so that
// what is sent to them is not captured again. One that is the target's own service is said once,
// and not told.
// Control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/endpoint.h"
#include "agent/base/result.h"
#include "agent/config/config.h"
#include "agent/shadow/resolver.h"

namespace shadowtap {

namespace capture {
class Tap;
}

class TargetAddresses {
 public:
  explicit TargetAddresses(shadow::Resolver& resolver) : resolver_(resolver) {}

  // Follows the targets as configured now; call again when they change.
  void follow(const config::Config& config);
  // Tells the tap if anything changed since it last took it. A failure is tried again with
  // each call, and returned once.
  Result<> tell(capture::Tap& tap, Time now = Time::clock::now());

 private:
  struct Followed {
    std::string service;
    std::function<bool(const Endpoint&)> is_service;
    std::optional<shadow::SocketAddress> literal;
    std::shared_ptr<const shadow::ResolvedName> name;  // where it is not literal
  };
  struct Named {
    Time at;  // when a target's name last led there
    std::string service;
    std::function<bool(const Endpoint&)> is_service;
  };
  std::vector<Endpoint> known(Time now);
  void warn_once(const std::string& service, const Endpoint& endpoint) const;

  shadow::Resolver& resolver_;
  std::vector<Followed> followed_;
  std::vector<std::string> urls_;        // of `followed_`
  std::map<Endpoint, Named> last_named_;
  std::vector<Endpoint> own_;  // at the last look
  std::optional<std::vector<Endpoint>> told_ = std::vector<Endpoint>{};  // none: it failed
  std::string said_failure_;
};

}  // namespace shadowtap
