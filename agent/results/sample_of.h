// A comparison as it is shown: redacted, bodies decoded and cut. Pure.
#pragma once

#include "agent/results/comparison.h"
#include "agent/results/redaction.h"
#include "agent/results/results.h"

namespace shadowtap::results {

// "000005f1c3…": 16 hexadecimal digits.
std::string to_id(std::uint64_t number);

DiffDetail detail_of(const Comparison& comparison, const std::string& service,
                     const Redactor& redactor);
std::size_t bytes_of(const DiffDetail& detail);

}  // namespace shadowtap::results
