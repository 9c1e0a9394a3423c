// Keeps the tap told of every address that targets have, so that what is sent to them is
// never captured again. Control thread.
#pragma once

#include <memory>
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
  // Tells the tap if anything changed since the last call.
  Result<> tell(capture::Tap& tap);

 private:
  std::vector<Endpoint> known() const;

  shadow::Resolver& resolver_;
  std::vector<Endpoint> literal_;
  std::vector<std::shared_ptr<const shadow::ResolvedName>> names_;
  std::vector<Endpoint> told_;
};

}  // namespace shadowtap
