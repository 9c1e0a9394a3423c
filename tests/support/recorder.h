// An ExchangeSink that remembers, and checks the order of calls that sink.h promises.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/assembly.h"
#include "agent/http/sink.h"
#include "tests/support/wire.h"

namespace shadowtap::testing {

struct Seen {
  http::Exchange exchange;  // `original` is set when completed
  std::string lost;         // detail, "" while not lost
};

class Recorder final : public http::ExchangeSink {
 public:
  void opened(http::Exchange exchange) override;
  void completed(http::ExchangeId id, http::Response original, Time first, Time last) override;
  void lost(http::ExchangeId id, http::OriginalLoss loss, const char* detail) override;
  void incident(const http::Incident& incident) override;
  bool needs_rest_of_request() override { return needs_rest; }
  bool needs_rest_of_original(http::ExchangeId) override { return needs_rest; }

  // One line each in the order of opening: "GET /a -> 200 [body]", "GET /b lost: gap".
  std::vector<std::string> lines() const;
  std::size_t complete() const { return complete_; }
  std::size_t lost() const { return lost_; }

  bool needs_rest = true;  // of bodies beyond their kept limit
  std::map<http::ExchangeId, Seen> seen;
  std::vector<std::string> unpaired_lines;

 private:
  std::size_t complete_ = 0;
  std::size_t lost_ = 0;
};

// Runs packets through an assembly with ids from 1, ticks at their times, and flushes.
void run(const std::vector<Packet>& packets, http::ExchangeSink& sink,
         AssemblyOptions options = {});

}  // namespace shadowtap::testing
