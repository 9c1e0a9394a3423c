// Keeps the tap told of every address that targets have now, so that what is sent to them is
// not captured again. An address that is the service itself is said once, and not told.
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
  std::vector<Endpoint> known(Time now);
  bool is_service(const Endpoint& endpoint) const;
  void warn_once(const Followed& followed, const Endpoint& endpoint) const;

  shadow::Resolver& resolver_;
  std::vector<Followed> followed_;
  std::vector<std::string> urls_;        // of `followed_`
  std::map<Endpoint, Time> last_named_;  // by one of them
  std::vector<Endpoint> own_;  // at the last look
  std::optional<std::vector<Endpoint>> told_ = std::vector<Endpoint>{};  // none: it failed
  std::string said_failure_;
};

}  // namespace shadowtap
