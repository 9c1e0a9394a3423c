// What may be sent where, and how: plain options with their defaults. The names
// are those of INTERFACES sections 2 and 3. Filled by config or by REST; read by
// shadow only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/time.h"

namespace shadowtap::shadow {

using namespace std::chrono_literals;

enum class Role : std::uint8_t { kCandidate, kSecondary, kMirror };
const char* to_string(Role role);

struct NameValue {
  std::string name;
  std::string value;
};

// One header to set from where a secret lives rather than from the configuration.
struct SecretHeader {
  std::string name;
  std::string file;         // read at start and at each re-read; trailing newline dropped
  std::string environment;  // used if `file` is empty
};

struct UrlRewrite {
  std::string pattern;      // RE2 over path and query; the first match wins
  std::string replacement;  // RE2 rewrite syntax (\1)
};

struct TlsOptions {
  std::string ca_file;  // empty: the system's
  std::string certificate_file;
  std::string key_file;
  std::string server_name;  // SNI and verified name; empty: the URL's host
  bool insecure = false;    // no verification; said aloud in status
};

struct BreakerOptions {
  std::uint32_t consecutive_failures = 10;
  double error_share = 0.5;  // transport errors or 5xx over `window`, with min_samples
  std::uint32_t min_samples = 20;
  Duration window = 10s;
  Duration slow = 0s;  // an answer slower than this is a failure; 0: the latency is not judged
  Duration open_for = 5s;
};

struct TargetOptions {
  Role role = Role::kCandidate;
  std::string name;  // for mirrors; else the role
  std::string url;   // http://host[:port][/base], https://…, unix:/path/to.sock[:/base]
  Duration connect_timeout = 1s;
  Duration first_byte_timeout = 5s;
  Duration timeout = 5s;  // whole answer
  // `concurrency`, `queue` and `rate` are over all shards, each of which gets its part; of
  // the first two at least 1.
  std::size_t concurrency = 64;
  std::size_t queue = 1024;   // drop-oldest beyond
  Duration max_wait = 2s;     // staleness: longer in the queue is `stale`
  double rate = 0;            // requests per second; 0: no limit
  bool original_host = true;  // Host as captured; false: the target's
  std::vector<NameValue> set_headers;
  std::vector<SecretHeader> secret_headers;
  std::vector<std::string> remove_headers;
  std::vector<NameValue> set_query;
  std::vector<std::string> remove_query;
  std::vector<UrlRewrite> rewrite;
  std::uint32_t follow_redirects = 0;
  std::size_t max_answer_bytes = 10 << 20;  // kept; the true length goes on
  Duration idle_timeout = 30s;              // pooled connection
  Duration max_age = 5min;                  // pooled connection
  Duration resolve_interval = 30s;
  std::optional<Duration> expires;  // ad-hoc mirrors: removed after
  std::optional<WallTime> put_at;   // when it was added, if before this process began
  TlsOptions tls;
  BreakerOptions breaker;
};

enum class SampleBy : std::uint8_t { kRequest, kConnection, kHeader, kCookie };

// Names unsafe methods for matching paths: the only way they are ever sent.
struct SideEffectRule {
  std::vector<std::string> methods;
  std::string path;  // RE2; empty: every path
};

struct HeaderCondition {
  std::string name;     // "Host" too
  std::string pattern;  // RE2, whole value searched
  bool deny = false;
};

// `sampling` as a schedule: percent rises from `from` to `to` over `over`, held back
// while the mismatch-or-error share is above `hold_above`.
struct Ramp {
  double from = 1;
  double to = 100;
  Duration over = 1h;
  double hold_above = 0.05;

  bool operator==(const Ramp&) const = default;
};

struct SelectOptions {
  std::vector<std::string> methods{"GET", "HEAD", "OPTIONS"};
  bool allow_side_effects = false;  // every method
  std::vector<SideEffectRule> side_effects;
  double sample = 100;  // percent
  SampleBy sample_by = SampleBy::kRequest;
  std::string sample_name;  // header or cookie, for kHeader and kCookie
  std::optional<Ramp> ramp;
  std::vector<std::string> allow;  // RE2 over the path; empty: all
  std::vector<std::string> deny;   // RE2 over the path
  std::vector<HeaderCondition> headers;
  std::uint64_t max_request_body = 10 << 20;
  double rate = 0;  // per second, this service; 0: no limit
};

enum class SendOn : std::uint8_t { kRequest, kResponse };
// kHappensBefore is sound only where one shard sees the whole service.
enum class Order : std::uint8_t { kNone, kConnection, kHappensBefore };
const char* to_string(Order order);
enum class Trace : std::uint8_t { kKeep, kNew, kDrop };

// A value that the original handed out and a target handed out differently; later
// requests of that client carry the target's own.
struct SessionAlias {
  std::string cookie;     // a cookie's name, or
  std::string json_path;  // a string in a JSON answer ($.token)

  bool operator==(const SessionAlias&) const = default;
};

// Shadows rest in one short window at a random place in each period, so that the
// service's own latency is seen without them.
struct ImpactOptions {
  bool on = true;
  Duration period = 20s;
  Duration window = 300ms;
  Duration delay = 30s;  // before the first window: short runs see none

  bool operator==(const ImpactOptions&) const = default;
};

// Clear of what kube-proxy (0x4000, 0x8000), Cilium (0x0f00) and Istio (1337) use.
inline constexpr std::uint32_t kMark = 0x5ad0000;

// All but `mark` can change while requests are on their way.
struct DispatchOptions {
  SendOn send = SendOn::kRequest;
  Order order = Order::kConnection;
  Duration order_wait = 1s;
  Trace trace = Trace::kNew;
  bool guard = true;
  ImpactOptions impact;
  std::optional<Duration> expires;  // sending stops, observing goes on
  std::optional<WallTime> expires_since;  // when that was set, if before this process began
  std::vector<SessionAlias> aliases;
  std::string middleware;            // a command line for the shell; empty: none
  Duration middleware_timeout = 1s;  // what it does not give back by then, it dropped
  std::uint32_t mark = kMark;        // SO_MARK; 0: none
  Duration original_timeout = 30s;  // an original not complete by then is a timeout
};

// Over all targets and services of this agent.
struct GlobalLimits {
  double rate = 0;                // requests per second; 0: no limit
  std::size_t max_in_flight = 0;  // 0: no limit
};

}  // namespace shadowtap::shadow
