// For schema_test.py: reads the file and prints what holds, or says what is wrong and
// exits 2, as `shadowtap run --check-config` does without needing the whole agent.
#include <cstdio>

#include "agent/config/config.h"

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  const auto config = shadowtap::config::load_config(argv[1]);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message().c_str());
    return 2;
  }
  std::fputs(shadowtap::config::print_config(*config).c_str(), stdout);
  return 0;
}
