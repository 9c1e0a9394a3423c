// The configuration's reader: it never crashes, and what it took it prints in a form that
// reads back as the same.
#include <cstdio>
#include <cstdlib>

#include "agent/config/config.h"

namespace {

void insist(bool holds, const std::string& printed, const std::string& why) {
  if (holds) return;
  std::fprintf(stderr, "%s\n%s\n", why.c_str(), printed.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shadowtap::config;
  const auto first = parse_config(std::string(reinterpret_cast<const char*>(data), size), "input");
  if (!first) return 0;
  const std::string printed = print_config(*first);
  const auto second = parse_config(printed, "printed");
  insist(second.has_value(), printed, second ? "" : second.error().message());
  insist(print_config(*second) == printed, printed, "prints differently when read again");
  return 0;
}
