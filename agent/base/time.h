// One clock for the data path: CLOCK_MONOTONIC in nanoseconds (the kernel side
// stamps with the same clock). Files map their capture times onto it. Wall time
// exists only where something is shown: results and logs.
#pragma once

#include <chrono>

namespace shadowtap {

using Time = std::chrono::steady_clock::time_point;  // libstdc++: CLOCK_MONOTONIC, ns
using Duration = std::chrono::nanoseconds;
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

constexpr double in_milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace shadowtap
