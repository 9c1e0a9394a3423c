// Writes what the tap sees to a .gor file: tap, reassembly and pairing as for a live run,
// no targets. Secrets are redacted before they are written, unless told otherwise.
//
// Runs on the calling thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/base/result.h"
#include "agent/config/config.h"

namespace shadowtap {

struct RecorderOptions {
  std::string output;
  std::uint64_t max_file_bytes = 0;  // rotation; 0: none
  bool with_secrets = false;         // then the file has mode 0600
  std::optional<Duration> run_for;
  std::function<void()> started;  // called once, when the tap copies
};

struct RecorderCounts {
  std::uint64_t written = 0;
  std::uint64_t left_out = 0;    // a body past its kept limit
  std::uint64_t incomplete = 0;  // written without an answer, which was lost
  std::uint64_t shed = 0;        // of them, because too many waited for theirs
};

// Until `stop` is set or the time is up.
Result<RecorderCounts> record(const config::Config& config, const RecorderOptions& options,
                              const std::atomic<bool>& stop);

}  // namespace shadowtap
