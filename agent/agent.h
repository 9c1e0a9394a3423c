// The composition root: creates tap, shards, results and API from a Config, wires them,
// runs the control thread, and stops everything in reverse order.
//
// Threads: start(), run() and the readers on the control thread (main's); stop() from
// anywhere. Owns every other thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/api/report/report.h"
#include "agent/base/result.h"
#include "agent/config/live_config.h"
#include "agent/net/segment_source.h"
#include "agent/results/results.h"

namespace shadowtap {

// What a progress line shows.
struct Progress {
  std::uint64_t seen = 0;      // exchanges captured
  std::uint64_t sent = 0;      // of them, sent to the candidate
  std::uint64_t compared = 0;
  std::uint64_t mismatching = 0;
  std::uint64_t lost = 0;      // packets lost and exchanges refused or lost
  double cpu_cores = 0;        // of this process since the last call
};

class RecordingSource;

struct AgentSources {
  // Instead of the live tap: a capture or a recording, for one shard, whose times are wall
  // times. Null: tap the wire.
  std::unique_ptr<net::SegmentSource> file;
  RecordingSource* recording = nullptr;  // `file`, if it is one
  bool serve = true;        // the API
  std::string config_file;  // watched for changes; empty: SIGHUP only
};

class Agent {
 public:
  // Attached and serving when it returns.
  [[nodiscard]] static Result<std::unique_ptr<Agent>> start(std::unique_ptr<config::LiveConfig> config,
                                                            AgentSources sources = {});
  ~Agent();

  // Until SIGINT, SIGTERM, stop(), the end of every file, or `run_for`. `each_second` is
  // called on this thread, about once a second.
  void run(std::optional<Duration> run_for, const std::function<void()>& each_second);
  // Detaches, ends what is open, flushes. After it the readers give the final state.
  void finish();
  void stop();

  Progress progress();
  api::Report report() const;
  results::Results& results();
  const config::Config& config() const;
  std::vector<std::string> interfaces() const;  // that the tap is attached to; none for a file
  std::string api_address() const;  // "127.0.0.1:9900"; empty: not serving

 private:
  struct Parts;
  explicit Agent(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace shadowtap
