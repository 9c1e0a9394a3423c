// Exchanges into a .gor file: keeps each request until its answer came, then writes both,
// redacted where a redactor is given.
//
// Bounded: at a limit the oldest request is written without an answer, and counted.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>

#include "agent/base/result.h"
#include "agent/files/gor_writer.h"
#include "agent/http/sink.h"
#include "agent/results/redaction.h"

namespace shadowtap {

// Of requests that wait for their answer.
struct RecordingLimits {
  std::size_t exchanges = 65'536;
  std::size_t bytes = 256 << 20;
};

class Recording final : public http::ExchangeSink {
 public:
  // Both outlive this; `redactor` may be null.
  Recording(files::GorWriter& writer, const results::Redactor* redactor,
            const RecordingLimits& limits = {})
      : writer_(writer), redactor_(redactor), limits_(limits) {}

  void opened(http::Exchange exchange) override;
  void completed(http::ExchangeId id, http::Response original, Time first, Time last) override;
  void lost(http::ExchangeId id, http::OriginalLoss loss, const char* detail) override;

  std::uint64_t incomplete() const { return incomplete_; }  // written without an answer
  std::uint64_t shed() const { return shed_; }              // of them, at a limit
  // The first that could not be written.
  const Result<>& failure() const { return failure_; }

 private:
  void end(http::ExchangeId id);

  files::GorWriter& writer_;
  const results::Redactor* redactor_;
  RecordingLimits limits_;
  std::map<http::ExchangeId, http::Exchange> open_;
  std::size_t open_bytes_ = 0;
  std::uint64_t incomplete_ = 0;
  std::uint64_t shed_ = 0;
  Result<> failure_;
};

}  // namespace shadowtap
