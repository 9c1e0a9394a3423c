#include "agent/recorder.h"

#include <poll.h>

#include "agent/assembly.h"
#include "agent/capture/tap.h"
#include "agent/recording.h"

namespace shadowtap {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kRecordsPerTurn = 256;
constexpr std::size_t kMaxBodyBytes = 64 << 20;  // a recording keeps whole bodies
constexpr int kTickMs = 100;

void wait(capture::Ring& ring) {
  if (ring.arm()) {
    pollfd waiting{ring.descriptor(), POLLIN, 0};
    ::poll(&waiting, 1, kTickMs);
  }
  ring.disarm();
}

Result<> run(capture::Tap& tap, Recording& recording, const RecorderOptions& options,
             const std::atomic<bool>& stop) {
  AssemblyOptions assembling;
  assembling.parser.max_body_bytes = kMaxBodyBytes;
  capture::Ring& ring = tap.ring(0);
  Assembly assembly(assembling, recording,
                    [&ring](const net::FlowVerdict& verdict) { ring.skip(verdict); });
  const auto take = [&](const net::Segment& segment) { assembly.segment(segment); };
  const Time start = std::chrono::steady_clock::now();
  Time next_tick = start;
  ring.drain(kRecordsPerTurn, take);  // the program copies from the first drain on
  if (options.started) options.started();
  while (!stop.load()) {
    const Time now = std::chrono::steady_clock::now();
    if (options.run_for && now - start >= *options.run_for) break;
    if (now >= next_tick) {
      assembly.tick(now);
      tap.follow();
      next_tick = now + std::chrono::milliseconds(kTickMs);
    }
    if (ring.drain(kRecordsPerTurn, take) == 0) wait(ring);
    if (!recording.failure()) return recording.failure();
  }
  tap.detach();
  while (ring.drain(kRecordsPerTurn, take) > 0) continue;
  assembly.flush(std::chrono::steady_clock::now());
  return recording.failure();
}

}  // namespace

Result<RecorderCounts> record(const config::Config& config, const RecorderOptions& options,
                              const std::atomic<bool>& stop) {
  files::GorWriterOptions writing;
  writing.path = options.output;
  writing.max_file_bytes = options.max_file_bytes;
  writing.secret = options.with_secrets;
  writing.to_wall = std::chrono::system_clock::now().time_since_epoch() -
                    std::chrono::steady_clock::now().time_since_epoch();
  auto writer = files::GorWriter::create(writing);
  if (!writer) return writer.error();
  capture::TapOptions tapping = config::tap_options(config);
  tapping.shards = 1;
  auto tap = capture::Tap::load(tapping);
  if (!tap) return tap.error();
  if (auto attached = (*tap)->attach(); !attached) return attached.error();
  // The next file of a recording may be in a directory that is not ours.
  capture::PrivilegesKept kept;
  kept.dac_override = options.max_file_bytes > 0;
  if (auto dropped = (*tap)->drop_privileges(kept); !dropped) return dropped.error();

  const results::Redactor redactor(config.redaction);
  Recording sink(**writer, options.with_secrets ? nullptr : &redactor);
  if (auto ran = run(**tap, sink, options, stop); !ran) return ran.error();
  if (auto closed = (*writer)->close(); !closed) return closed.error();
  return RecorderCounts{(*writer)->exchanges(), (*writer)->left_out(), sink.incomplete(), sink.shed()};
}

}  // namespace shadowtap
