#include "agent/shadow/filter.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "agent/base/text.h"
#include "agent/shadow/hash.h"

namespace shadowtap::shadow {
namespace {

// GET is not always safe. Words, not whole segments: "/user/logout-all" is meant too.
constexpr const char* kBuiltInDeny =
    "(?i)(log[-_]?out|sign[-_]?out|unsubscribe|confirm|verify)";

// Frameworks take the method from here; a GET that says DELETE is a DELETE.
constexpr std::array<std::string_view, 3> kMethodOverrides{
    "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"};

std::unique_ptr<re2::RE2> compile_pattern(const std::string& text, Result<>& outcome) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto pattern = std::make_unique<re2::RE2>(text, options);
  if (!pattern->ok()) outcome = plain_error("pattern '" + text + "': " + pattern->error());
  return pattern;
}

bool found(const re2::RE2& pattern, std::string_view text) {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = i + 2 < text.size() && text[i] == '%' ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

std::string_view without_origin(std::string_view target) {
  const auto scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const auto slash = target.find('/', scheme + 3);
  return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
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

Decision Filter::decide_resend(const http::Request& request) const {
  if (request.headers.find(kShadowHeader)) return http::Skipped::kOwnTraffic;
  const std::string_view path = path_of(request.target);
  if (!method_allowed(request.method, path)) return http::Skipped::kMethod;
  for (const std::string_view name : kMethodOverrides) {
    const auto value = request.headers.find(name);
    if (value && !method_allowed(upper(*value), path)) return http::Skipped::kMethod;
  }
  if (!path_allowed(request.target)) return http::Skipped::kPath;
  if (!request.body.whole() || request.body.size > max_request_body_) {
    return http::Refused::kBodyTooLarge;
  }
  return Send{};
}

Decision Filter::decide(const http::Exchange& exchange, double sample_percent, Time now) {
  const Decision allowed = decide_resend(exchange.request);
  if (!std::holds_alternative<Send>(allowed)) return allowed;
  if (!conditions_hold(exchange.request)) return http::Skipped::kPath;
  if (!sampled(exchange, sample_percent)) return http::Skipped::kSampled;
  if (!rate_.take(now)) return http::Skipped::kRateRule;
  return Send{};
}

bool Filter::method_allowed(std::string_view method, std::string_view path) const {
  if (method == "CONNECT") return false;
  const auto names = [method](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), method) != list.end();
  };
  if (allow_side_effects_ || names(methods_)) return true;
  return std::any_of(side_effects_.begin(), side_effects_.end(), [&](const MethodRule& rule) {
    return names(rule.methods) && found(*rule.path.compiled, path);
  });
}

// Decoded as well, as the service will: "/log%6Fut" is a way to log out.
bool Filter::path_allowed(std::string_view target) const {
  const std::string decoded = percent_decoded(without_origin(target));
  const std::string_view path = path_of(target);
  const std::string_view decoded_path = path_of(decoded);
  for (const Pattern& pattern : deny_) {
    if (found(*pattern.compiled, path) || found(*pattern.compiled, decoded_path)) return false;
  }
  re2::StringPiece word;
  const bool listed = re2::RE2::PartialMatch(decoded, *built_in_deny_, &word);
  const std::string named = to_lower(std::string_view(word.data(), word.size()));
  const auto names_it = [&](const Pattern& pattern) {
    return pattern.text.find(named) != std::string::npos && found(*pattern.compiled, path);
  };
  if (listed && std::none_of(allow_.begin(), allow_.end(), names_it) &&
      std::none_of(side_effects_.begin(), side_effects_.end(),
                   [&](const MethodRule& rule) { return names_it(rule.path); })) {
    return false;
  }
  return allow_.empty() ||
         std::any_of(allow_.begin(), allow_.end(),
                     [&](const Pattern& pattern) { return found(*pattern.compiled, path); });
}

bool Filter::conditions_hold(const http::Request& request) const {
  for (const Condition& condition : conditions_) {
    bool matched = false;
    for (std::size_t i = 0; i < request.headers.size() && !matched; ++i) {
      matched = equal_ignoring_case(request.headers.name(i), condition.name) &&
                found(*condition.pattern, request.headers.value(i));
    }
    if (matched == condition.deny) return false;
  }
  return true;
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

std::string_view path_of(std::string_view target) {
  const std::string_view local = without_origin(target);
  return local.substr(0, local.find_first_of("?#"));
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
