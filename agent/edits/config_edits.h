// Run-time edits of the REST API in the words of the configuration file: the same keys,
// the same checks, the same sentences for mistakes. The one place where the two meet, so
// that neither area knows the other.
//
// Anybody on this host may call an API without a token, and less than the agent may do: there,
// a call does not make the agent read files or its environment, or talk to a Unix socket, unless
// that target is told to already. Such a refusal has the code operation_not_permitted.
//
// Control thread. Owns nothing; `config` is the effective configuration and must show the
// changes that Control's put_… make; `said` is what file and flags say, without such changes.
#pragma once

#include "agent/api/control.h"
#include "agent/api/edits.h"
#include "agent/config/config.h"

namespace shadowtap::edits {

class ConfigEdits : public api::Edits {
 public:
  ConfigEdits(const config::Config& config, const config::Config& said, api::Control& control)
      : config_(config), said_(said), control_(control) {}

  std::optional<std::string> read(const std::string& service,
                                  const std::string& section) const override;
  Result<> write(const std::string& service, const std::string& section,
                 const std::string& json) override;
  Result<> remove(const std::string& service, const std::string& section) override;

 private:
  Result<> put_target(const std::string& service, const std::string& section,
                      const shadow::TargetOptions& target);

  const config::Config& config_;
  const config::Config& said_;
  api::Control& control_;
};

}  // namespace shadowtap::edits
