#include "agent/http/outcomes.h"

namespace shadowtap::http {

const char* to_string(Skipped reason) {
  switch (reason) {
    case Skipped::kMethod: return "method";
    case Skipped::kPath: return "path";
    case Skipped::kSampled: return "sampled";
    case Skipped::kRateRule: return "rate_rule";
    case Skipped::kOwnTraffic: return "own_traffic";
    case Skipped::kNoCandidate: return "no_candidate";
    case Skipped::kGuard: return "guard";
    case Skipped::kPaused: return "paused";
    case Skipped::kCount_: break;
  }
  return "?";
}

const char* to_string(Refused reason) {
  switch (reason) {
    case Refused::kQueueFull: return "queue_full";
    case Refused::kStale: return "stale";
    case Refused::kOrder: return "order";
    case Refused::kRate: return "rate";
    case Refused::kBodyTooLarge: return "body_too_large";
    case Refused::kMemory: return "memory";
    case Refused::kCount_: break;
  }
  return "?";
}

const char* to_string(NotComparable reason) {
  switch (reason) {
    case NotComparable::kOriginalLost: return "original_lost";
    case NotComparable::kOriginalAborted: return "original_aborted";
    case NotComparable::kOriginalTimeout: return "original_timeout";
    case NotComparable::kBodyCut: return "body_cut";
    case NotComparable::kMiddleware: return "middleware";
    case NotComparable::kShuttingDown: return "shutting_down";
    case NotComparable::kCount_: break;
  }
  return "?";
}

}  // namespace shadowtap::http
