#include "agent/config/checks.h"
#include "agent/config/describe.h"
#include "agent/config/values.h"

namespace shadowtap::config {
namespace {

void describe_side_effect(Fields& f, shadow::SideEffectRule& rule) {
  f.require("methods");
  checked_list(f, "methods", rule.methods, check_method);
  checked(f, "path", rule.path, check_pattern);
}

void describe_condition(Fields& f, shadow::HeaderCondition& condition) {
  f.require("name");
  f.require("pattern");
  field(f, "name", condition.name);
  checked(f, "pattern", condition.pattern, check_pattern);
  field(f, "deny", condition.deny);
}

void describe_ramp(Fields& f, shadow::Ramp& ramp) {
  percent(f, "from", ramp.from);
  percent(f, "to", ramp.to);
  positive(f, "over", ramp.over);
  number(f, "hold_above", ramp.hold_above, 0, 1);
}

// request, connection, header:NAME, cookie:NAME.
std::string read_sample_by(std::string_view text, shadow::SelectOptions& select) {
  using shadow::SampleBy;
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view name = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  const bool named = kind == "header" || kind == "cookie";
  if (!(named ? is_token(name) : colon == std::string_view::npos &&
                                     (kind == "request" || kind == "connection"))) {
    return "'" + std::string(text) +
           "' is none of request, connection, header:NAME, cookie:NAME";
  }
  select.sample_by = kind == "request"      ? SampleBy::kRequest
                     : kind == "connection" ? SampleBy::kConnection
                     : kind == "header"     ? SampleBy::kHeader
                                            : SampleBy::kCookie;
  select.sample_name = name;
  return {};
}

std::string print_sample_by(const shadow::SelectOptions& select) {
  switch (select.sample_by) {
    case shadow::SampleBy::kRequest: return "request";
    case shadow::SampleBy::kConnection: return "connection";
    case shadow::SampleBy::kHeader: return "header:" + select.sample_name;
    case shadow::SampleBy::kCookie: return "cookie:" + select.sample_name;
  }
  return {};
}

}  // namespace

void describe(Fields& f, shadow::SelectOptions& select) {
  checked_list(f, "methods", select.methods, check_method);
  field(f, "allow_side_effects", select.allow_side_effects);
  structs(f, "side_effects", select.side_effects, describe_side_effect);
  percent(f, "sample", select.sample);
  f.scalar("sample_by",
           {[&select](std::string_view text) { return read_sample_by(text, select); },
            [&select] { return print_sample_by(select); }, true});
  f.group("ramp", select.ramp.has_value(), [&select](Fields& ramp) {
    if (!select.ramp) select.ramp.emplace();
    describe_ramp(ramp, *select.ramp);
  });
  checked_list(f, "allow", select.allow, check_pattern);
  checked_list(f, "deny", select.deny, check_pattern);
  structs(f, "headers", select.headers, describe_condition);
  body_size(f, "max_request_body", select.max_request_body);
  rate(f, "rate", select.rate);
}

}  // namespace shadowtap::config
