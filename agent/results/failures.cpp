#include "agent/results/failures.h"

namespace shadowtap::results {
namespace {

// Then the other one is not tried either, unless it is as unreachable: both say so.
bool unreachable(const std::optional<http::Answer>& answer) {
  return answer && (answer->error == http::AnswerError::kCircuitOpen ||
                    answer->error == http::AnswerError::kDns);
}

}  // namespace

const http::Answer* answered(const std::optional<http::Answer>& answer) {
  return answer && answer->ok() ? &*answer : nullptr;
}

bool no_answer(const std::optional<http::Answer>& answer) { return answer && !answer->ok(); }

bool secondary_is_control(const Comparison& comparison) {
  return comparison.secondary_asked && (comparison.secondary || unreachable(comparison.candidate));
}

bool secondary_failed(const Comparison& comparison) {
  return no_answer(comparison.secondary) ||
         (comparison.secondary && failed(comparison.secondary->response.status));
}

}  // namespace shadowtap::results
