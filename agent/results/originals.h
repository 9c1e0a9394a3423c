// Earlier originals, to be a control for later ones of the same request key (A/A in
// production): a window in time, in keys and in bytes. Each original serves once, so
// taking one removes it.
//
// Control thread. Owned by one service's results.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

#include "agent/base/time.h"
#include "agent/http/message.h"
#include "diff/difference.h"
#include "diff/rules.h"

namespace shadowtap::results {

struct KeptOriginal {
  WallTime time;
  std::uint64_t hash = 0;  // of status and body
  http::Response response;
};

class Originals {
 public:
  struct Limits {
    Duration window = std::chrono::seconds(60);
    std::size_t max_keys = 4096;
    std::size_t max_bytes = 16 << 20;
    std::size_t max_one = 256 << 10;  // larger ones are not kept
  };
  explicit Originals(const Limits& limits);

  std::optional<KeptOriginal> take(std::uint64_t key, WallTime now);
  void put(std::uint64_t key, KeptOriginal original);
  void clear();
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    KeptOriginal original;
    std::size_t bytes;
  };
  void drop_old(WallTime now);

  Limits limits_;
  std::unordered_map<std::uint64_t, Entry> by_key_;
  std::deque<std::pair<WallTime, std::uint64_t>> order_;
  std::size_t bytes_ = 0;
};

// Where `earlier` differs from `original`; bodies with an equal hash are not read.
diff::Differences differences_of(const KeptOriginal& original, const KeptOriginal& earlier, bool head,
                                 const diff::RuleSet& rules);

}  // namespace shadowtap::results
