// The parts of a service that can be changed while it runs, as JSON in the form of the
// configuration file. What the API needs of the configuration, without knowing it;
// implemented by agent/edits. Control thread.
#pragma once

#include <optional>
#include <string>

#include "agent/base/result.h"

namespace shadowtap::api {

class Edits {
 public:
  virtual ~Edits() = default;

  // `section`: "compare", "select", "sending", "candidate", "secondary", "mirror:NAME".
  // Secrets are ***. Nothing: no such service, or no such target.
  virtual std::optional<std::string> read(const std::string& service,
                                          const std::string& section) const = 0;
  // Replaces the section. An error names every mistake, one a line; nothing is changed then,
  // but with kHoldsUnkept.
  virtual Result<> write(const std::string& service, const std::string& section,
                         const std::string& json) = 0;
  virtual Result<> remove(const std::string& service, const std::string& section) = 0;
};

}  // namespace shadowtap::api
