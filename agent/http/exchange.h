// One captured request and what became of it: the value that travels the line
// from pairing to results. Plain data, owned by its shard's table of exchanges.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/base/endpoint.h"
#include "agent/base/time.h"
#include "agent/http/message.h"

namespace shadowtap::http {

// Unique in the process: the shard's index in the top 8 bits, then a count that
// starts at a random place, so that ids of two runs rarely meet.
using ExchangeId = std::uint64_t;

// Why an exchange has no original response (`not_comparable{original_…}`).
enum class OriginalLoss : std::uint8_t {
  kLost,     // a gap, shed, evicted: the wire had it, we did not see it
  kAborted,  // reset or closed before the response was complete
  kTimeout,  // not complete by the deadline
};

struct Exchange {
  ExchangeId id = 0;
  std::uint16_t service = 0;
  std::uint64_t connection = 0;  // unique in the process
  std::uint32_t index = 0;       // of the request on its connection, from 0
  Endpoint client;
  Endpoint server;

  Request request;
  Time request_first;  // first byte at the tap
  Time request_last;   // last byte at the tap

  // Set when the original answered; complete only (never a part).
  std::optional<Response> original;
  Time response_first;
  Time response_last;
};

// How a target's answer ended. Names are the ledger's (`shadow_error{…}`).
enum class AnswerError : std::uint8_t {
  kNone,
  kConnect,
  kDns,
  kTls,
  kTimeout,
  kReset,
  kProtocol,
  kCircuitOpen,
  kCount_,
};
const char* to_string(AnswerError error);

// A target's response to a shadow request; `response` is meaningful iff ok().
struct Answer {
  AnswerError error = AnswerError::kNone;
  Response response;
  Time sent;                    // first byte of the request left for our socket
  Duration to_first_byte{};     // last request byte written -> first response byte
  Duration to_last_byte{};      // last request byte written -> last response byte
  Duration round_trip{};        // TCP_INFO tcpi_rtt when it ended; 0 unknown
  bool reused_connection = false;

  bool ok() const { return error == AnswerError::kNone; }
};

}  // namespace shadowtap::http
