// The Linux capabilities that the tap needs, and which of them this process has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace shadowtap::capture {

struct Capability {
  int number;
  const char* name;
  const char* what_for;
};

// To load and attach; SYS_ADMIN only to enter another network namespace.
std::vector<Capability> needed_capabilities(bool other_namespace);

bool has_capability(int number);

// "CAP_BPF, CAP_PERFMON"; empty: nothing is missing.
std::string missing_capabilities(bool other_namespace);

}  // namespace shadowtap::capture
