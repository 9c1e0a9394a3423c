#include "agent/recorder.h"

#include <poll.h>

#include <map>

#include "agent/assembly.h"
#include "agent/base/text.h"
#include "agent/capture/tap.h"
#include "agent/files/gor_writer.h"
#include "agent/http/decode.h"
#include "agent/results/redaction.h"

namespace shadowtap {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kRecordsPerTurn = 256;
constexpr std::size_t kMaxOpen = 65'536;           // requests that wait for their answer
constexpr std::size_t kMaxOpenBytes = 256 << 20;   // what they hold
constexpr std::size_t kMaxRecordedBytes = 64 << 20;
constexpr std::size_t kMaxBodyBytes = 64 << 20;    // a recording keeps whole bodies
constexpr int kTickMs = 100;

// A body redacted in its content, not in its coding: one that was changed goes out plain.
bool redact_body(http::Body& body, const http::HeaderList& headers,
                 const results::Redactor& redactor) {
  http::DecodedBody plain = http::decode_body(headers.find("Content-Encoding").value_or(""),
                                              body.bytes, kMaxRecordedBytes);
  if (plain.outcome != http::Decoding::kDecoded) return false;
  std::string redacted = redactor.body(headers.find("Content-Type").value_or(""), plain.bytes);
  if (redacted == plain.bytes) return false;
  body.bytes = std::move(redacted);
  body.size = body.bytes.size();
  return true;
}

http::HeaderList redact_headers(const http::HeaderList& headers, const results::Redactor& redactor,
                                const http::Body& body, bool body_changed) {
  http::HeaderList redacted;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const std::string_view name = headers.name(i);
    if (body_changed && equal_ignoring_case(name, "Content-Encoding")) continue;
    if (body_changed && equal_ignoring_case(name, "Content-Length")) {
      redacted.append(name, std::to_string(body.size));
    } else {
      redacted.append(name, redactor.header(name, headers.value(i)));
    }
  }
  return redacted;
}

template <class Message>
void redact_message(Message& message, const results::Redactor& redactor) {
  const bool changed = redact_body(message.body, message.headers, redactor);
  message.headers = redact_headers(message.headers, redactor, message.body, changed);
  message.trailers = redact_headers(message.trailers, redactor, message.body, false);
}

void redact_exchange(http::Exchange& exchange, const results::Redactor& redactor) {
  exchange.request.target = redactor.target(exchange.request.target);
  redact_message(exchange.request, redactor);
  if (exchange.original) redact_message(*exchange.original, redactor);
}

// Keeps requests until their answer came, then writes both.
class Writing : public http::ExchangeSink {
 public:
  Writing(files::GorWriter& writer, const results::Redactor* redactor)
      : writer_(writer), redactor_(redactor) {}

  void opened(http::Exchange exchange) override {
    open_bytes_ += exchange.request.held_bytes();
    open_.emplace(exchange.id, std::move(exchange));
    while (open_.size() > kMaxOpen || (open_bytes_ > kMaxOpenBytes && open_.size() > 1)) {
      end(open_.begin()->first);  // the oldest: ids count up
    }
  }
  void completed(http::ExchangeId id, http::Response original, Time first, Time last) override {
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    found->second.original = std::move(original);
    found->second.response_first = first;
    found->second.response_last = last;
    end(id);
  }
  void lost(http::ExchangeId id, http::OriginalLoss, const char*) override {
    if (open_.contains(id)) end(id);
  }
  void unpaired(const char*, const char*) override {}

  std::uint64_t incomplete() const { return incomplete_; }
  const Result<>& failure() const { return failure_; }

 private:
  void end(http::ExchangeId id) {
    http::Exchange exchange = std::move(open_.extract(id).mapped());
    open_bytes_ -= exchange.request.held_bytes();
    if (!exchange.original) ++incomplete_;
    if (redactor_ != nullptr) redact_exchange(exchange, *redactor_);
    if (auto written = writer_.write(exchange); !written && failure_) failure_ = written.error();
  }

  files::GorWriter& writer_;
  const results::Redactor* redactor_;
  std::map<http::ExchangeId, http::Exchange> open_;
  std::size_t open_bytes_ = 0;
  std::uint64_t incomplete_ = 0;
  Result<> failure_;
};

void wait(capture::Ring& ring) {
  if (ring.arm()) {
    pollfd waiting{ring.descriptor(), POLLIN, 0};
    ::poll(&waiting, 1, kTickMs);
  }
  ring.disarm();
}

Result<> run(capture::Tap& tap, Writing& writing, const RecorderOptions& options,
             const std::atomic<bool>& stop) {
  AssemblyOptions assembling;
  assembling.parser.max_body_bytes = kMaxBodyBytes;
  capture::Ring& ring = tap.ring(0);
  Assembly assembly(assembling, writing,
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
    if (!writing.failure()) return writing.failure();
  }
  tap.detach();
  while (ring.drain(kRecordsPerTurn, take) > 0) continue;
  assembly.flush(std::chrono::steady_clock::now());
  return writing.failure();
}

}  // namespace

void redact(http::Exchange& exchange, const results::RedactionOptions& options) {
  redact_exchange(exchange, results::Redactor(options));
}

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

  const results::Redactor redactor(config.redaction);
  Writing sink(**writer, options.with_secrets ? nullptr : &redactor);
  if (auto ran = run(**tap, sink, options, stop); !ran) return ran.error();
  if (auto closed = (*writer)->close(); !closed) return closed.error();
  return RecorderCounts{(*writer)->exchanges(), (*writer)->left_out(), sink.incomplete()};
}

}  // namespace shadowtap
