#include "agent/shadow/dispatcher.h"

namespace shadowtap::shadow {

const char* to_string(Role role) {
  switch (role) {
    case Role::kCandidate:
      return "candidate";
    case Role::kSecondary:
      return "secondary";
    case Role::kMirror:
      return "mirror";
  }
  return "?";
}

const char* to_string(Order order) {
  switch (order) {
    case Order::kNone:
      return "none";
    case Order::kConnection:
      return "connection";
    case Order::kHappensBefore:
      return "happens-before";
  }
  return "?";
}

const char* to_string(TargetState state) {
  switch (state) {
    case TargetState::kUp:
      return "up";
    case TargetState::kFailing:
      return "failing";
    case TargetState::kOpen:
      return "open";
  }
  return "?";
}

const char* to_string(ImpactReport::Verdict verdict) {
  switch (verdict) {
    case ImpactReport::Verdict::kUnknown:
      return "unknown";
    case ImpactReport::Verdict::kNone:
      return "none";
    case ImpactReport::Verdict::kHarm:
      return "harm";
  }
  return "?";
}

}  // namespace shadowtap::shadow
