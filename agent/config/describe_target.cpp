#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "agent/base/text.h"
#include "agent/config/checks.h"
#include "agent/config/describe.h"
#include "agent/config/urls.h"
#include "agent/config/values.h"

namespace shadowtap::config {
namespace {

using shadow::NameValue;
using shadow::SecretHeader;
using Pairs = std::vector<std::pair<std::string, std::string>>;

// Values of these are credentials wherever they are printed.
bool is_credential(const std::string& header) {
  constexpr std::array<std::string_view, 6> kNames{"authorization", "proxy-authorization",
                                                   "cookie",        "set-cookie",
                                                   "x-api-key",     "x-auth-token"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view name) { return equal_ignoring_case(name, header); });
}

bool is_secret_key(const std::string& key) {
  constexpr std::array<std::string_view, 9> kNames{
      "password",      "passwd",  "secret",        "token",  "access_token",
      "refresh_token", "api_key", "authorization", "session"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view name) { return equal_ignoring_case(name, key); });
}

void pairs(Fields& f, std::string_view key, std::vector<NameValue>& out, bool headers) {
  f.words(key, {[&out] { out.clear(); },
                [&out, headers](const std::string& name, const std::string& value) {
                  std::string wrong =
                      headers ? check_header(name + ":" + value) : check_query(name, value);
                  if (wrong.empty()) out.push_back({name, value});
                  return wrong;
                },
                [&out] {
                  Pairs all;
                  for (const NameValue& one : out) all.emplace_back(one.name, one.value);
                  return all;
                },
                headers ? is_credential : is_secret_key});
}

// The secret headers that come from `member` (a file or an environment variable).
void sources(Fields& f, std::string_view key, std::vector<SecretHeader>& out,
             std::string SecretHeader::*member) {
  f.words(key, {[&out, member] {
                  std::erase_if(out, [member](const SecretHeader& h) { return !(h.*member).empty(); });
                },
                [&out, member](const std::string& name, const std::string& from) -> std::string {
                  if (std::string wrong = check_header(name + ":"); !wrong.empty()) return wrong;
                  if (from.empty()) return quoted_name(name) + " has no source";
                  out.push_back({name, {}, {}});
                  out.back().*member = from;
                  return {};
                },
                [&out, member] {
                  Pairs all;
                  for (const SecretHeader& h : out) {
                    if (!(h.*member).empty()) all.emplace_back(h.name, h.*member);
                  }
                  return all;
                },
                nullptr});
}

// What the replacement refers to must be in the pattern, and the result be a request's target.
std::string check_replacement(const shadow::UrlRewrite& rewrite) {
  if (has_control(rewrite.replacement)) return "has a space or control character";
  if (rewrite.replacement.find('\\') == std::string::npos) return {};
  const re2::RE2 pattern(rewrite.pattern, re2::RE2::Quiet);
  std::string wrong;
  if (pattern.ok() && !pattern.CheckRewriteString(rewrite.replacement, &wrong)) return wrong;
  return {};
}

void describe_rewrite(Fields& f, shadow::UrlRewrite& rewrite) {
  f.require("pattern");
  checked(f, "pattern", rewrite.pattern, check_pattern);
  field(f, "replacement", rewrite.replacement);
  if (std::string wrong = check_replacement(rewrite); !wrong.empty()) {
    f.complain("replacement", "replacement: " + wrong);
  }
}

void describe_tls(Fields& f, shadow::TlsOptions& tls) {
  field(f, "ca_file", tls.ca_file);
  field(f, "certificate_file", tls.certificate_file);
  field(f, "key_file", tls.key_file);
  field(f, "server_name", tls.server_name);
  field(f, "insecure", tls.insecure);
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    f.complain("certificate_file", "'certificate_file' and 'key_file' go together");
  }
}

void describe_breaker(Fields& f, shadow::BreakerOptions& breaker) {
  count(f, "consecutive_failures", breaker.consecutive_failures, 1);
  number(f, "error_share", breaker.error_share, 0, 1);
  count(f, "min_samples", breaker.min_samples, 1);
  positive(f, "window", breaker.window);
  field(f, "slow", breaker.slow);
  positive(f, "open_for", breaker.open_for);
}

void describe_url(Fields& f, std::string& url) {
  f.require("url");
  Scalar scalar = checked_value(url, check_target);
  scalar.hide = without_password;
  f.scalar("url", scalar);
}

}  // namespace

void describe(Fields& f, shadow::TargetOptions& target) {
  describe_url(f, target.url);
  positive(f, "connect_timeout", target.connect_timeout);
  positive(f, "first_byte_timeout", target.first_byte_timeout);
  positive(f, "timeout", target.timeout);
  count(f, "concurrency", target.concurrency, 1);
  count(f, "queue", target.queue, 1);
  positive(f, "max_wait", target.max_wait);
  rate(f, "rate", target.rate);
  word(
      f, "host", {"original", "target"},
      [&target](std::size_t index) { target.original_host = index == 0; },
      target.original_host ? 0 : 1);
  f.group("headers", true, [&target](Fields& headers) {
    pairs(headers, "set", target.set_headers, true);
    sources(headers, "from_file", target.secret_headers, &SecretHeader::file);
    sources(headers, "from_environment", target.secret_headers, &SecretHeader::environment);
    field(headers, "remove", target.remove_headers);
  });
  f.group("query", true, [&target](Fields& query) {
    pairs(query, "set", target.set_query, false);
    field(query, "remove", target.remove_query);
  });
  structs(f, "rewrite", target.rewrite, describe_rewrite);
  count(f, "follow_redirects", target.follow_redirects);
  body_size(f, "max_answer", target.max_answer_bytes);
  field(f, "idle_timeout", target.idle_timeout);
  field(f, "max_age", target.max_age);
  positive(f, "resolve_interval", target.resolve_interval);
  field(f, "expires", target.expires);
  f.group("tls", true, [&target](Fields& tls) { describe_tls(tls, target.tls); });
  f.group("breaker", true, [&target](Fields& breaker) { describe_breaker(breaker, target.breaker); });
}

}  // namespace shadowtap::config
