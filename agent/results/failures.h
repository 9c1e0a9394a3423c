// Who failed in an exchange: the facts that errors and latency are judged by, the same for
// candidate and secondary. A failure is no answer at all, or a 5xx. Pure.
#pragma once

#include "agent/results/comparison.h"

namespace shadowtap::results {

inline bool failed(int status) { return status >= 500; }

// The answer, if there is one; else nullptr.
const http::Answer* answered(const std::optional<http::Answer>& answer);
// It was asked, or could not even be, and gave none.
bool no_answer(const std::optional<http::Answer>& answer);

// Whether the secondary is the control for errors. It is where it was tried, and where it
// was not because the candidate cannot be reached: a dead candidate is never silence.
bool secondary_is_control(const Comparison& comparison);
bool secondary_failed(const Comparison& comparison);

}  // namespace shadowtap::results
