// What this process costs its host, read from the kernel. Any thread.
#pragma once

#include <cstdint>

#include "agent/base/time.h"

namespace shadowtap {

Duration process_cpu_time();        // user and system, all threads
std::uint64_t process_rss_bytes();  // 0 if it cannot be read

// CPU time per wall time between two calls: cores in use.
class CpuShare {
 public:
  CpuShare() : cpu_(process_cpu_time()), at_(std::chrono::steady_clock::now()) {}
  double since_last();

 private:
  Duration cpu_;
  Time at_;
};

}  // namespace shadowtap
