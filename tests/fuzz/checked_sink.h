// An ExchangeSink that aborts where sink.h's promises are broken.
#pragma once

#include <cstdlib>
#include <set>

#include "agent/http/sink.h"

namespace shadowtap::fuzz {

inline void require(bool holds) {
  if (!holds) std::abort();
}

class CheckedSink final : public http::ExchangeSink {
 public:
  void opened(http::Exchange exchange) override {
    require(exchange.request.body.bytes.size() <= exchange.request.body.size);
    require(exchange.request_first <= exchange.request_last);
    require(open_.insert(exchange.id).second);
  }
  void completed(http::ExchangeId id, http::Response original, Time first, Time last) override {
    require(original.body.bytes.size() <= original.body.size);
    require(first <= last);
    require(open_.erase(id) == 1);
  }
  void lost(http::ExchangeId id, http::OriginalLoss, const char*) override {
    require(open_.erase(id) == 1);
  }
  bool needs_rest_of_request() override { return needs_rest; }
  bool needs_rest_of_original(http::ExchangeId id) override {
    require(open_.contains(id));
    return needs_rest;
  }
  bool nothing_open() const { return open_.empty(); }

  bool needs_rest = true;

 private:
  std::set<http::ExchangeId> open_;
};

}  // namespace shadowtap::fuzz
