// Where captured exchanges go: http tells, the shard (or a lister, or a fuzzer)
// listens. All calls on the shard's thread, in this order for each exchange: one
// opened(), then exactly one of completed() and lost().
#pragma once

#include "agent/http/exchange.h"

namespace shadowtap::http {

// Something on a connection that is no exchange.
struct Incident {
  enum class Of : std::uint8_t {
    kRequest,      // seen in part, or without its answer
    kResponse,     // seen in part, or without its request
    kConnection,   // what it carries, how it was seen, where pairing began or ended
    kClientBytes,  // lost: `bytes` of them
    kServerBytes,
  };
  Of of;
  const char* reason;  // a literal
  std::uint64_t connection;
  Endpoint client;
  Endpoint server;
  std::uint64_t bytes = 0;
};

class ExchangeSink {
 public:
  virtual ~ExchangeSink() = default;

  // The request is complete; the exchange has its id, no original yet.
  virtual void opened(Exchange exchange) = 0;

  // The original's final response to it is complete.
  virtual void completed(ExchangeId id, Response original, Time first_byte, Time last_byte) = 0;

  // No complete original will come. `detail` is a literal that says why, for listings
  // ("gap", "shed", "evicted", "reset", "closed", "upgraded", …).
  virtual void lost(ExchangeId id, OriginalLoss loss, const char* detail) = 0;

  // Whether what a body has beyond its kept limit matters: then it is hashed. If not, only
  // its length goes on, and the tap may leave it out. Of a request that is still coming, and
  // of the original answer to `id`.
  virtual bool needs_rest_of_request() { return true; }
  virtual bool needs_rest_of_original(ExchangeId) { return true; }

  // Counted already; for listings.
  virtual void incident(const Incident&) {}
};

}  // namespace shadowtap::http
