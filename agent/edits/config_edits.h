// Run-time edits of the REST API in the words of the configuration file: the same keys,
// the same checks, the same sentences for mistakes. The one place where the two meet, so
// that neither area knows the other.
//
// Control thread. Owns nothing; `config` is the effective configuration and must show the
// changes that Control's put_… make.
#pragma once

#include "agent/api/control.h"
#include "agent/api/edits.h"
#include "agent/config/config.h"

namespace shadowtap::edits {

class ConfigEdits : public api::Edits {
 public:
  ConfigEdits(const config::Config& config, api::Control& control)
      : config_(config), control_(control) {}

  std::optional<std::string> read(const std::string& service,
                                  const std::string& section) const override;
  Result<> write(const std::string& service, const std::string& section,
                 const std::string& json) override;
  Result<> remove(const std::string& service, const std::string& section) override;

 private:
  const config::Config& config_;
  api::Control& control_;
};

}  // namespace shadowtap::edits
