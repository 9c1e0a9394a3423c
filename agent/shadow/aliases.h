// Session aliasing: values that the original and a target handed out differently (a
// session cookie, a token in a JSON answer) are exchanged in what that target gets later.
//
// Rules name where such values stand. A pair is learned when both answers to one
// exchange are there; from then on the target sees its own value wherever a client sends
// the original's: in the named cookie whatever it looks like, and elsewhere (headers,
// URL, small bodies) where it is at least kMinFreeText long. A target's value that could
// change the meaning of what surrounds it is not learned. Bounded, oldest out first.
// Pure; not thread-safe; one per target of a lane.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/http/message.h"
#include "agent/shadow/options.h"
#include "agent/shadow/outgoing.h"

namespace shadowtap::shadow {

// One for each rule, in order: what the response hands out there.
using HandedOut = std::vector<std::optional<std::string>>;
HandedOut handed_out(const http::Response& response, const std::vector<SessionAlias>& rules);

class AliasTable final : public Substitution {
 public:
  static constexpr std::size_t kMinFreeText = 8;
  static constexpr std::size_t kMaxPairs = 4096;

  explicit AliasTable(const std::vector<SessionAlias>& rules) : rules_(&rules) {}

  void learn(const HandedOut& original, const HandedOut& own);

  std::string apply(std::string_view text) const override;
  std::string apply_cookies(std::string_view line) const override;
  bool empty() const override { return pairs_.empty(); }
  std::size_t size() const { return pairs_.size(); }

 private:
  const std::string* longest_at(std::string_view text, std::size_t& length) const;
  static std::size_t slot_of(std::string_view text);
  void forget_oldest();

  const std::vector<SessionAlias>* rules_;
  std::unordered_map<std::string, std::string> pairs_;  // original's value -> the target's
  std::deque<std::string> by_age_;
  // First kMinFreeText bytes -> the originals' values that begin so.
  std::unordered_map<std::string, std::vector<std::string>> by_prefix_;
  std::vector<bool> maybe_ = std::vector<bool>(1 << 16);  // by hash of a prefix; never cleared
};

}  // namespace shadowtap::shadow
