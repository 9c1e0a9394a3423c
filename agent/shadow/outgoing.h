// Turns a captured request into the bytes that one target gets.
//
// Lines keep their order and case; repeats stay. Hop-by-hop lines are left out and the
// framing is made anew, where the original had it. Everything else that changes was
// asked for by the target's options: Host, base path, URL rewrites, query, headers,
// trace ids; and X-Shadowtap is added. Knows no sockets.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/http/exchange.h"
#include "agent/shadow/options.h"
#include "agent/shadow/target_url.h"

namespace re2 {
class RE2;
}

namespace shadowtap::shadow {

// Looks a text over for values that this target knows under another name.
class Substitution {
 public:
  virtual ~Substitution() = default;
  // `text` with the target's own values in place of the original's.
  virtual std::string apply(std::string_view text) const = 0;
  // The same for a Cookie line.
  virtual std::string apply_cookies(std::string_view line) const = 0;
  virtual bool empty() const = 0;
};

class Outgoing {
 public:
  // Reads secret headers now; fails on a pattern, file or variable that is not there.
  static Result<Outgoing> create(const TargetOptions& options, const TargetUrl& url,
                                 Trace trace);
  Outgoing(Outgoing&&) noexcept;
  Outgoing& operator=(Outgoing&&) noexcept;
  ~Outgoing();

  void set_trace(Trace trace) { trace_ = trace; }

  // The request target it will have, without the base path.
  std::string target_of(const http::Request& request,
                        const Substitution* aliases = nullptr) const;
  // Whether that may lead elsewhere than the captured one by what a client wrote.
  bool may_lead_elsewhere(const Substitution* aliases) const {
    return !rewrites_.empty() || (aliases != nullptr && !aliases->empty());
  }
  // `target` is what target_of() said.
  std::string compose(const http::Request& request, std::string_view target,
                      http::ExchangeId id, const Substitution* aliases = nullptr) const;

 private:
  struct Rewrite;

  Outgoing();
  Result<> read_secrets(const TargetOptions& options);
  Result<> take_rewrites(const TargetOptions& options);
  Result<> check_query() const;
  Result<> check_headers() const;
  void append_headers(std::string& out, const http::Request& request, std::size_t body_size,
                      http::ExchangeId id, const Substitution* aliases) const;
  bool left_out(std::string_view name, const http::Request& request) const;

  Role role_ = Role::kCandidate;
  std::string base_;
  std::string authority_;
  bool original_host_ = true;
  Trace trace_ = Trace::kNew;
  std::vector<NameValue> set_headers_;
  std::vector<std::string> remove_headers_;
  std::vector<NameValue> set_query_;
  std::vector<std::string> remove_query_;
  std::vector<Rewrite> rewrites_;
};

}  // namespace shadowtap::shadow
