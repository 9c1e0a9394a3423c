#include "agent/shadow/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/base/text.h"
#include "agent/shadow/hash.h"

namespace shadowtap::shadow {
namespace {

constexpr std::array<std::string_view, 8> kNames{
    "traceparent", "tracestate",        "b3",           "x-b3-traceid",
    "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"};

std::string trace_id(std::uint64_t seed) {
  return fmt::format("{:016x}{:016x}", mix(seed), mix(~seed));
}
std::string span_id(std::uint64_t seed) {
  return fmt::format("{:016x}", mix(seed ^ 0x5ba9));
}

}  // namespace

bool is_trace_header(std::string_view name) {
  return std::any_of(kNames.begin(), kNames.end(), [name](std::string_view known) {
    return equal_ignoring_case(name, known);
  });
}

std::optional<std::string> new_trace_value(std::string_view name, std::string_view value,
                                           std::uint64_t seed) {
  const auto is = [name](std::string_view known) { return equal_ignoring_case(name, known); };
  if (is("traceparent")) return "00-" + trace_id(seed) + "-" + span_id(seed) + "-00";
  if (is("b3")) {
    const bool only_a_decision = value.find('-') == std::string_view::npos;
    return only_a_decision ? "0" : trace_id(seed) + "-" + span_id(seed) + "-0";
  }
  // A 64-bit id stays one: some tracers refuse the longer form.
  if (is("x-b3-traceid")) return trace_id(seed).substr(value.size() == 16 ? 16 : 0);
  if (is("x-b3-spanid")) return span_id(seed);
  if (is("x-b3-sampled")) return "0";
  return std::nullopt;  // tracestate, parent and flags belong to the trace that was left
}

}  // namespace shadowtap::shadow
