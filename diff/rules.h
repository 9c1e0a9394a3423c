// What to forgive when two responses are compared: the keys under `compare:` of
// the configuration. Compiled once (RuleSet::compile), read by every comparison.
// Immutable after that, so any thread may read it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shadowtap::diff {

enum class Mode : std::uint8_t {
  kStrict,
  kAdditive,  // what only the candidate has is allowed where it has a name: members, headers…
  kShape,     // types and presence only
};

struct IgnoreRule {
  std::string path;           // INTERFACES section 5 notation, RFC 9535 selectors for JSON
  std::string kind{};           // one kind's name; empty: all
  bool presence_only = false;  // forgives missing/extra, not a differing value
  std::string route{};          // template; empty: every route
  std::string reason{};
  std::string expires{};        // RFC 3339; empty: never. Judged by the owner, who recompiles
};

struct UnorderedRule {
  std::string path;
  std::string key{};  // keyed array; empty: a multiset
  std::string route{};
  std::string reason{};
  std::string expires{};
};

struct ToleranceRule {
  std::string path;
  std::optional<double> absolute{};
  std::optional<double> relative{};
  std::string time{};  // a duration: two times within it are equal
  std::string route{};
  std::string reason{};
  std::string expires{};
};

struct PatternRule {
  std::string path;
  std::string pattern{};  // RE2: equal when both sides match it wholly
  std::string route{};
  std::string reason{};
  std::string expires{};
};

struct Rules {
  Mode mode = Mode::kStrict;
  std::vector<IgnoreRule> ignore;
  std::vector<UnorderedRule> unordered;
  std::vector<ToleranceRule> tolerance;
  std::vector<PatternRule> pattern;
  std::vector<std::string> ignore_headers;  // beside the documented default list
  bool default_ignored_headers = true;
};

class RuleSet {
 public:
  // The rules that hold for `route`, ready to use; an error names the rule and the place
  // in its path where it does not parse.
  struct Compiled;
  static std::shared_ptr<const RuleSet> compile(const Rules& rules, std::string_view route,
                                                std::string& error);
  // No rule at all.
  static std::shared_ptr<const RuleSet> none();

  const Compiled& compiled() const { return *compiled_; }
  ~RuleSet();

 private:
  RuleSet();
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace shadowtap::diff
