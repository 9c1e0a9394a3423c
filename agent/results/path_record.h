// What is known of one (route, aggregated path, kind): counts for each control, votes
// and their evidence, and whether it was found to be a regression. Plain data; the
// rules that fill it are in noise.h, what follows from it in judge.h.
//
// Control thread. Owned by Noise.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "agent/base/time.h"
#include "diff/difference.h"

namespace shadowtap::results {

// What a candidate is measured against, best first (DESIGN section 8).
enum class Control : std::uint8_t {
  kSecondary,   // a second copy of the original release, same exchange
  kProduction,  // an earlier original of the same key
  kItself,      // the candidate's second answer to the same request
  kNone,        // nothing: only directions can be compared
  kCount_,
};
const char* to_string(Control control);
inline constexpr std::size_t kControls = static_cast<std::size_t>(Control::kCount_);

using PathId = std::uint32_t;  // into the service's PathNames
inline constexpr PathId kOtherPath = 0;               // what a full route has no place for
inline constexpr PathId kGonePath = ~std::uint32_t{0};  // was merged into another

// What the differing values at a path have in common.
enum class Shape : std::uint8_t { kUnseen, kNone, kTime, kUuid, kNonce, kHost };
const char* to_string(Shape shape);
Shape shape_of(std::string_view value);

struct ControlCounts {
  Control control = Control::kNone;
  std::uint32_t both = 0;            // exchanges
  std::uint32_t candidate_only = 0;  // without control: exchanges that differ
  std::uint32_t control_only = 0;
  std::uint32_t s = 0;  // votes against the candidate
  std::uint32_t f = 0;  // votes against the control
  std::uint32_t index = 0;  // i of the weight; 0: no vote yet
  double log_e = 0;         // ln E(s, f)

  std::uint64_t candidate_differs() const { return std::uint64_t{both} + candidate_only; }
  std::uint64_t control_differs() const { return std::uint64_t{both} + control_only; }
};

// Why and when a path became a regression; stays until the epoch ends.
struct Latch {
  WallTime time;
  Control control = Control::kNone;
  bool constant = false;
  std::uint32_t s = 0, f = 0, keys = 0;
  std::uint64_t pairs = 0;
  double log_e = 0;
  std::uint32_t index = 0;
};

// The most frequent values of the originals of differing pairs (direction).
struct SeenValues {
  struct One {
    std::uint64_t hash = 0;
    std::uint32_t n = 0;
  };
  std::array<One, 8> all{};

  std::uint32_t count(std::uint64_t hash) const;
  void add(std::uint64_t hash);
};

struct PathRecord {
  PathId path = 0;
  diff::Kind kind = diff::Kind::kValue;
  Shape shape = Shape::kUnseen;
  bool ignored = false;  // by today's rules
  bool dirty = false;    // changed since the store took it
  std::vector<ControlCounts> counts;
  std::unique_ptr<Latch> latch;
  std::unique_ptr<SeenValues> seen;
  std::vector<std::uint64_t> keys;  // request keys that differed, the first 32 of this run
  std::uint32_t keys_before = 0;    // and how many an earlier run of this epoch saw

  const ControlCounts* find(Control control) const;
  ControlCounts& of(Control control);
  // Exchanges in which the candidate differed, each once: those that were repeated were
  // counted without control before.
  std::uint64_t differing() const;
};

}  // namespace shadowtap::results
