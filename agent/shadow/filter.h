// The one decision about what may leave this host. Every way of sending (live, replay
// from a file, re-send of a kept sample, what the middleware gave back, a redirect) asks
// here and nowhere else.
//
// Unsafe by default is everything but GET, HEAD and OPTIONS: another method passes only
// if a rule names it, CONNECT never. Paths on the built-in list (log out, unsubscribe,
// confirm, …) pass only if a rule's own text names the word. A request is taken to be all
// that a server may take it to be: PathForms, overrides.h. Knows no targets, sockets or
// clocks. Not thread-safe; one per dispatcher.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/base/result.h"
#include "agent/http/exchange.h"
#include "agent/http/outcomes.h"
#include "agent/shadow/options.h"
#include "agent/shadow/token_bucket.h"

namespace re2 {
class RE2;
}

namespace shadowtap::shadow {

class PathForms;

// Carried by every request we send; a request that has it is never sent again.
inline constexpr std::string_view kShadowHeader = "X-Shadowtap";

struct Send {};
using Decision = std::variant<Send, http::Skipped, http::Refused>;

class Filter {
 public:
  // `share_of_rate`: this shard's part of the service's rate.
  static Result<Filter> create(const SelectOptions& options, double share_of_rate = 1);
  Filter(Filter&&) noexcept;
  Filter& operator=(Filter&&) noexcept;
  ~Filter();

  // For captured traffic. `sample_percent` is the ramp's present value.
  Decision decide(const http::Exchange& exchange, double sample_percent, Time now);

  // For a request that is sent on somebody's demand: all that keeps side effects away,
  // nothing of sampling and rate.
  Decision decide_resend(const http::Request& request) const;
  // For a request that the candidate is to get twice (noise.resend): safe methods only,
  // whatever the rules allow, and under the rate.
  Decision decide_repeat(const http::Request& request, Time now);

  // For one that was decided and then changed: by the middleware. What it no longer is
  // does not matter, what it became does.
  Decision decide_changed(const http::Request& request) const;

  // Whether one that carries our header may go to where a redirect leads.
  bool may_follow(const http::Request& request) const;

  // Whether rewriting may lead a request that was decided to this target: allow lists speak
  // of what was captured, the deny lists also of what is sent.
  bool may_become(std::string_view target) const;

 private:
  struct Pattern;
  struct Condition;
  struct MethodRule;

  explicit Filter(const SelectOptions& options, double share_of_rate);
  Result<> compile(const SelectOptions& options);
  std::optional<http::Skipped> unsafe(const http::Request& request) const;
  bool methods_allowed(const http::Request& request, const PathForms& path) const;
  bool method_allowed(std::string_view method, const PathForms& path) const;
  bool listed_allowed(const PathForms& path) const;
  bool denied(std::string_view target, const PathForms& path) const;
  bool named_by_a_rule(std::string_view word, std::string_view path) const;
  bool condition_holds(const Condition& condition, const http::Request& request) const;
  bool conditions_hold(const http::Request& request, bool only_denying) const;
  bool sampled(const http::Exchange& exchange, double percent) const;

  std::vector<std::string> methods_;
  bool allow_side_effects_;
  std::vector<MethodRule> side_effects_;
  std::vector<Pattern> allow_;
  std::vector<Pattern> deny_;
  std::vector<Condition> conditions_;
  std::unique_ptr<re2::RE2> built_in_deny_;
  SampleBy sample_by_;
  std::string sample_name_;
  std::uint64_t max_request_body_;
  TokenBucket rate_;
};

// A cookie's value in a Cookie line, or nothing.
std::optional<std::string_view> cookie_of(const http::HeaderList& headers,
                                          std::string_view name);

}  // namespace shadowtap::shadow
