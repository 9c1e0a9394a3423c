#include "agent/process_cost.h"

#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace shadowtap {

Duration process_cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

std::uint64_t process_rss_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long size = 0;
  unsigned long resident = 0;
  const int read = std::fscanf(file, "%lu %lu", &size, &resident);
  std::fclose(file);
  return read == 2 ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

double CpuShare::since_last() {
  const Duration cpu = process_cpu_time();
  const Time now = std::chrono::steady_clock::now();
  const Duration used = cpu - std::exchange(cpu_, cpu);
  const Duration passed = now - std::exchange(at_, now);
  if (passed <= Duration::zero()) return 0;
  return static_cast<double>(used.count()) / static_cast<double>(passed.count());
}

}  // namespace shadowtap
