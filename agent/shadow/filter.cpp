#include "agent/shadow/filter.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "agent/base/text.h"
#include "agent/shadow/hash.h"
#include "agent/shadow/overrides.h"
#include "agent/shadow/path_forms.h"

namespace shadowtap::shadow {
namespace {

// GET is not always safe. Words, not whole segments: "/user/logout-all" is meant too.
constexpr const char* kBuiltInDeny =
    "(?i)(log[-_]?out|sign[-_]?out|unsubscribe|confirm|verify)";

bool is_safe(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

std::unique_ptr<re2::RE2> compile_pattern(const std::string& text, Result<>& outcome) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  // Bytes, not characters: "." must match what is no UTF-8, and a line feed, too.
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_dot_nl(true);
  auto pattern = std::make_unique<re2::RE2>(text, options);
  if (!pattern->ok()) outcome = plain_error("pattern '" + text + "': " + pattern->error());
  return pattern;
}

bool found(const re2::RE2& pattern, std::string_view text) {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

// A pattern leads to the path it seems to lead to, and to the one it really leads to.
bool leads_through(const re2::RE2& pattern, const PathForms& path) {
  return found(pattern, path.raw()) &&
         (path.leads_to() == nullptr || found(pattern, *path.leads_to()));
}

}  // namespace

struct Filter::Pattern {
  std::string text;  // lower case: to see whether it names a word of the built-in list
  std::unique_ptr<re2::RE2> compiled;
};

struct Filter::Condition {
  std::string name;
  std::unique_ptr<re2::RE2> pattern;
  bool deny;
};

struct Filter::MethodRule {
  std::vector<std::string> methods;
  Pattern path;
};

Filter::Filter(const SelectOptions& options, double share_of_rate)
    : methods_(options.methods),
      allow_side_effects_(options.allow_side_effects),
      sample_by_(options.sample_by),
      sample_name_(options.sample_name),
      max_request_body_(options.max_request_body),
      rate_(options.rate * share_of_rate) {}

Filter::Filter(Filter&&) noexcept = default;
Filter& Filter::operator=(Filter&&) noexcept = default;
Filter::~Filter() = default;

Result<Filter> Filter::create(const SelectOptions& options, double share_of_rate) {
  Filter filter(options, share_of_rate);
  if (auto compiled = filter.compile(options); !compiled) return compiled.error();
  return filter;
}

Result<> Filter::compile(const SelectOptions& options) {
  Result<> outcome;
  const auto pattern = [&outcome](const std::string& text) {
    return Pattern{to_lower(text), compile_pattern(text, outcome)};
  };
  for (const std::string& text : options.allow) allow_.push_back(pattern(text));
  for (const std::string& text : options.deny) deny_.push_back(pattern(text));
  for (const SideEffectRule& rule : options.side_effects) {
    side_effects_.push_back({rule.methods, pattern(rule.path)});
  }
  for (const HeaderCondition& condition : options.headers) {
    conditions_.push_back(
        {condition.name, compile_pattern(condition.pattern, outcome), condition.deny});
  }
  built_in_deny_ = compile_pattern(kBuiltInDeny, outcome);
  const bool named =
      options.sample_by == SampleBy::kHeader || options.sample_by == SampleBy::kCookie;
  if (named && options.sample_name.empty()) {
    return plain_error("sample_by header or cookie needs its name");
  }
  if (options.sample < 0 || options.sample > 100)
    return plain_error("sample is not within 0 and 100");
  return outcome;
}

// What a request may do, wherever it comes from. A target that a header names instead has to
// be allowed as well: some servers go there.
std::optional<http::Skipped> Filter::unsafe(const http::Request& request) const {
  const PathForms path(request.target);
  if (!methods_allowed(request, path)) return http::Skipped::kMethod;
  if (!listed_allowed(path) || denied(request.target, path)) return http::Skipped::kPath;
  for (const std::string_view target : overriding_targets(request)) {
    const PathForms instead(target);
    if (!methods_allowed(request, instead)) return http::Skipped::kMethod;
    if (!listed_allowed(instead) || denied(target, instead)) return http::Skipped::kPath;
  }
  return std::nullopt;
}

Decision Filter::decide_resend(const http::Request& request) const {
  if (request.headers.find(kShadowHeader)) return http::Skipped::kOwnTraffic;
  if (const auto reason = unsafe(request)) return *reason;
  if (!request.body.whole() || request.body.size > max_request_body_) {
    return http::Refused::kBodyTooLarge;
  }
  if (!conditions_hold(request, false)) return http::Skipped::kPath;
  return Send{};
}

Decision Filter::decide_changed(const http::Request& request) const {
  if (request.headers.find(kShadowHeader)) return http::Skipped::kOwnTraffic;
  if (const auto reason = unsafe(request)) return *reason;
  if (!conditions_hold(request, true)) return http::Skipped::kPath;
  return Send{};
}

bool Filter::may_follow(const http::Request& request) const {
  return !unsafe(request) && conditions_hold(request, true);
}

bool Filter::may_become(std::string_view target) const {
  return !denied(target, PathForms(target));
}

Decision Filter::decide_repeat(const http::Request& request, Time now) {
  const Decision allowed = decide_resend(request);
  if (!std::holds_alternative<Send>(allowed)) return allowed;
  const std::vector<std::string> others = overriding_methods(request);
  if (!is_safe(request.method) || !std::all_of(others.begin(), others.end(), is_safe)) {
    return http::Skipped::kMethod;
  }
  if (!rate_.take(now)) return http::Skipped::kRateRule;
  return Send{};
}

Decision Filter::decide(const http::Exchange& exchange, double sample_percent, Time now) {
  const Decision allowed = decide_resend(exchange.request);
  if (!std::holds_alternative<Send>(allowed)) return allowed;
  if (!sampled(exchange, sample_percent)) return http::Skipped::kSampled;
  if (!rate_.take(now)) return http::Skipped::kRateRule;
  return Send{};
}

bool Filter::methods_allowed(const http::Request& request, const PathForms& path) const {
  if (!method_allowed(request.method, path)) return false;
  const std::vector<std::string> others = overriding_methods(request);
  return std::all_of(others.begin(), others.end(), [&](const std::string& method) {
    return method_allowed(method, path);
  });
}

bool Filter::method_allowed(std::string_view method, const PathForms& path) const {
  if (method == "CONNECT") return false;
  const auto names = [method](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), method) != list.end();
  };
  if (allow_side_effects_ || names(methods_)) return true;
  return std::any_of(side_effects_.begin(), side_effects_.end(), [&](const MethodRule& rule) {
    return names(rule.methods) && leads_through(*rule.path.compiled, path);
  });
}

bool Filter::listed_allowed(const PathForms& path) const {
  return allow_.empty() ||
         std::any_of(allow_.begin(), allow_.end(), [&](const Pattern& pattern) {
           return leads_through(*pattern.compiled, path);
         });
}

// Decoded as well, as the service will: "/log%6Fut" is a way to log out. Each word of the
// built-in list needs a rule that names it.
bool Filter::denied(std::string_view target, const PathForms& path) const {
  for (const Pattern& pattern : deny_) {
    if (path.any([&](std::string_view form) { return found(*pattern.compiled, form); })) {
      return true;
    }
  }
  std::string_view text = without_origin(target);
  std::string decoded;
  if (text.find('%') != std::string_view::npos) text = decoded = percent_decoded(text);
  re2::StringPiece rest(text.data(), text.size());
  re2::StringPiece word;
  while (re2::RE2::FindAndConsume(&rest, *built_in_deny_, &word)) {
    if (!named_by_a_rule({word.data(), word.size()}, path.raw())) return true;
  }
  return false;
}

bool Filter::named_by_a_rule(std::string_view word, std::string_view path) const {
  const std::string named = to_lower(word);
  const auto names_it = [&](const Pattern& pattern) {
    return pattern.text.find(named) != std::string::npos && found(*pattern.compiled, path);
  };
  return std::any_of(allow_.begin(), allow_.end(), names_it) ||
         std::any_of(side_effects_.begin(), side_effects_.end(),
                     [&](const MethodRule& rule) { return names_it(rule.path); });
}

// An absolute form's host counts as a Host line does (RFC 9112 section 3.2.2), and where
// there are several, each must do.
bool Filter::condition_holds(const Condition& condition, const http::Request& request) const {
  const bool host = equal_ignoring_case(condition.name, "host");
  std::size_t lines = 0;
  std::size_t matches = 0;
  const auto look_at = [&](std::string_view value) {
    ++lines;
    matches += found(*condition.pattern, value);
  };
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    if (equal_ignoring_case(request.headers.name(i), condition.name)) {
      look_at(request.headers.value(i));
    }
  }
  const std::string_view authority = authority_of(request.target);
  if (host && !authority.empty()) look_at(authority);
  if (condition.deny) return matches == 0;
  return host ? matches > 0 && matches == lines : matches > 0;
}

bool Filter::conditions_hold(const http::Request& request, bool only_denying) const {
  return std::all_of(conditions_.begin(), conditions_.end(), [&](const Condition& condition) {
    return (only_denying && !condition.deny) || condition_holds(condition, request);
  });
}

bool Filter::sampled(const http::Exchange& exchange, double percent) const {
  if (percent >= 100) return true;
  std::uint64_t hash = mix(exchange.connection);
  if (sample_by_ == SampleBy::kRequest) hash = mix(exchange.id);
  std::optional<std::string_view> value;
  if (sample_by_ == SampleBy::kHeader) value = exchange.request.headers.find(sample_name_);
  if (sample_by_ == SampleBy::kCookie)
    value = cookie_of(exchange.request.headers, sample_name_);
  if (value) hash = hash_text(*value);
  return unit_interval(hash) * 100 < percent;
}

std::optional<std::string_view> cookie_of(const http::HeaderList& headers,
                                          std::string_view name) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (!equal_ignoring_case(headers.name(i), "cookie")) continue;
    std::string_view rest = headers.value(i);
    while (!rest.empty()) {
      const auto semicolon = rest.find(';');
      std::string_view pair = rest.substr(0, semicolon);
      while (pair.starts_with(' ')) pair.remove_prefix(1);
      const auto equals = pair.find('=');
      if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
        return pair.substr(equals + 1);
      }
      if (semicolon == std::string_view::npos) break;
      rest.remove_prefix(semicolon + 1);
    }
  }
  return std::nullopt;
}

}  // namespace shadowtap::shadow
