// Why an exchange was not sent, or not compared: the closed sets of reasons of
// INTERFACES section 6. Shared by every area that counts them.
#pragma once

#include <cstdint>

namespace shadowtap::http {

enum class Skipped : std::uint8_t {
  kMethod,
  kPath,
  kSampled,
  kRateRule,
  kOwnTraffic,
  kNoCandidate,
  kGuard,
  kPaused,
  kCount_,
};

enum class Refused : std::uint8_t {
  kQueueFull,
  kStale,
  kOrder,
  kRate,
  kBodyTooLarge,
  kMemory,
  kCount_,
};

enum class NotComparable : std::uint8_t {
  kOriginalLost,
  kOriginalAborted,
  kOriginalTimeout,
  kBodyCut,      // a body past its kept limit: hashes alone cannot say where they differ
  kMiddleware,   // dropped by the external program
  kShuttingDown,
  kCount_,
};

const char* to_string(Skipped reason);
const char* to_string(Refused reason);
const char* to_string(NotComparable reason);

}  // namespace shadowtap::http
