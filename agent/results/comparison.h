// One exchange's way through the ledger, ended: what results gets from a shard for
// every captured exchange, exactly once. A value; moved, never shared.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "agent/http/exchange.h"
#include "agent/http/outcomes.h"
#include "diff/difference.h"

namespace shadowtap::results {

// Both the candidate's and the original's response are there and were compared.
struct Compared {
  diff::Differences candidate;                // original against candidate
  std::optional<diff::Differences> control;   // original against secondary, where it may speak
};

struct ShadowError {
  http::AnswerError error = http::AnswerError::kConnect;
};

// Where the exchange ended: one part of the ledger's sum.
using Ending = std::variant<Compared, ShadowError, http::Skipped, http::Refused,
                            http::NotComparable>;

struct Comparison {
  http::Exchange exchange;  // bodies only where they are worth keeping (differences, errors)
  std::string method;       // always set, also where `exchange` was emptied
  std::string target;
  int original_status = 0;
  int candidate_status = 0;
  int secondary_status = 0;
  WallTime time;  // of the request

  Ending ending;

  std::optional<http::Answer> candidate;  // bodies as above
  std::optional<http::Answer> secondary;
  bool secondary_asked = false;   // or would have been, had the candidate been reachable
  bool secondary_speaks = false;  // dispatched within noise.max_skew of the candidate
  std::optional<Duration> original_first_byte;  // request's last byte -> response's first
  std::optional<Duration> original_last_byte;
  std::uint64_t request_key = 0;    // hash of method, URI, body, cluster header
  std::uint64_t original_hash = 0;  // of the original's status and body: for A/A control

  std::size_t shard = 0;       // who made it, and
  std::size_t held_bytes = 0;  // what it is charged with there until results took it
};

// A request that the candidate is to get a second time (noise.resend), so that what it
// says differently each time shows.
struct Repeat {
  http::Exchange exchange;   // the request; as `original` the candidate's first answer
  diff::Differences found;   // where that differed from the original
  WallTime time;
  std::size_t shard = 0;
};

}  // namespace shadowtap::results
